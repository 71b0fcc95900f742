package proxy

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"mqttlb/proxy/match"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/snapshot"
)

// RuleStats counts the clients and requests about which a rule of a listener has decided.
type RuleStats struct {
	Listener, Rule string
	Deny           bool
	Matched        uint64
}

// Action returns what the rule does, as in the configuration.
func (r *RuleStats) Action() string { return pick(r.Deny, "deny", "allow") }

// ruleCounts are the counters of a listener's rules, by their numbers. Loops and goroutines of net/http share them: a rule
// decides once for a connection or a request. A rule that stays has the same counter in the next generation.
type ruleCounts []*atomic.Uint64

// newRuleCounts makes the counters of a generation's listeners, with those of the generation before, which may be nil.
func newRuleCounts(g, before *generation) map[*snapshot.Listener]ruleCounts {
	all := map[*snapshot.Listener]ruleCounts{}
	for _, ln := range g.Listeners {
		if len(ln.Rules) == 0 {
			continue
		}
		had := before.ruleCountsOf(ln.Name)
		rules := ln.Rules.All()
		counts := make(ruleCounts, len(rules))
		fresh := make([]atomic.Uint64, len(rules))
		for i := range rules {
			if counts[i] = had[rules[i].Name]; counts[i] == nil {
				counts[i] = &fresh[i]
			}
		}
		all[ln] = counts
	}
	return all
}

// ruleCountsOf returns the counters of the rules of a listener by their names.
func (g *generation) ruleCountsOf(listener string) map[string]*atomic.Uint64 {
	if g == nil {
		return nil
	}
	for _, ln := range g.Listeners {
		if ln.Name != listener {
			continue
		}
		byName := make(map[string]*atomic.Uint64, len(g.rules[ln]))
		for i, rule := range ln.Rules.All() {
			byName[rule.Name] = g.rules[ln][i]
		}
		return byName
	}
	return nil
}

// Rules returns the counters of all rules in force, in the order of the snapshot. It may be called from any goroutine.
func (srv *Server) Rules() []RuleStats {
	g := srv.current.Load()
	var all []RuleStats
	for _, ln := range g.Listeners {
		for i, rule := range ln.Rules.All() {
			all = append(all, RuleStats{ln.Name, rule.Name, rule.Deny, g.rules[ln][i].Load()})
		}
	}
	return all
}

// RuleWay is a rule of a listener that may decide about a client.
type RuleWay struct {
	Listener, Rule, Action string
	Undecided              []string // see [snapshot.RuleWay]
}

// RulesFor returns the rules that may keep a client out, and those before them that let it in; more means that there are too many. It
// changes nothing, and may be called from any goroutine.
func (srv *Server) RulesFor(q *Question) (ways []RuleWay, more bool) {
	for _, ln := range srv.current.Load().Listeners {
		if q.Listener != "" && q.Listener != ln.Name {
			continue
		}
		rules, left := ln.RulesFor(&q.Question)
		more = more || left
		for _, r := range rules {
			ways = append(ways, RuleWay{ln.Name, r.Name, pick(r.Deny, "deny", "allow"), r.Undecided})
		}
	}
	return ways, more
}

// applyRule counts the rule that decides about a session, and refuses the session if the rule does. It returns stepOpen
// otherwise.
func (l *loop) applyRule(s *session, v opening.Verdict) step {
	o := s.pending
	o.generation.rules[o.listener][v.RuleNumber].Add(1)
	if !v.Rule.Deny {
		return stepOpen
	}
	o.rule = v.Rule.Name
	return l.refuseWith(s, o.Deny(v.Rule, &l.openingScratch))
}

// deny asks the rules of a listener about a request that is no upgrade. It returns the answer if one of them refuses it, or nil.
func (h *httpServer) deny(c *httpConn, ln *snapshot.Listener, f match.Facts) *opening.Rejection {
	if len(ln.Rules) == 0 {
		return nil
	}
	if f.TLS != nil {
		f.ServerName = f.TLS.ServerName
	}
	rule, number := ln.Rules.First(&f)
	if rule == nil {
		return nil
	}
	counts := h.proxy.current.Load().rules[ln]
	if counts == nil { // a reload has another listener now, see listenerOf
		counts = c.generation.rules[ln]
	}
	if counts != nil {
		counts[number].Add(1)
	}
	if !rule.Deny {
		return nil
	}
	return &opening.Rejection{Status: http.StatusForbidden, Reason: "not allowed here", Detail: fmt.Sprintf("rule %q denies it", rule.Name)}
}
