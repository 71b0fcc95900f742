package admin

import (
	"net/http"

	"mqttlb/proxy"
)

// RuleQuery says which rules to list.
type RuleQuery struct {
	Listener string // "": of all
	Matched  bool   // only those that have decided about a client
}

func getRules(q *question) (int, any, error) {
	values := q.request.URL.Query()
	query := RuleQuery{Listener: values.Get("listener"), Matched: values.Get("matched") == "true"}
	if m := values.Get("matched"); values.Has("matched") && m != "true" && m != "false" {
		return 0, nil, errorf(http.StatusBadRequest, "matched: %.100q is neither true nor false", m)
	}
	if values.Has("listener") && query.Listener == "" {
		return 0, nil, errorf(http.StatusBadRequest, "listener: is empty; write a value or leave the parameter out")
	}
	return ok(q.from.Control.Rules(q.context(), query))
}

var ruleMatches = newCounter("rule_matches_total", "Clients and HTTP requests about which a rule has decided, by rule.", "listener", "rule", "action")

// rules sends the counters of the rules that have decided: thousands of others would have a series each.
func (s scrape) rules(all []proxy.RuleStats) {
	for i := range all {
		if r := &all[i]; r.Matched > 0 {
			s.count(ruleMatches, r.Matched, r.Listener, r.Rule, r.Action())
		}
	}
}
