package snapshot

import "mqttlb/proxy/match"

// A RuleWay is a rule that may decide about a client.
type RuleWay struct {
	*Rule

	// Undecided are the conditions of the rule about what is not known, by their names in the configuration. Without
	// any, the rule decides unless one before it does.
	Undecided []string
}

// maxRuleWays is how many rules of a listener RulesFor returns: thousands may depend on an address that is not known.
const maxRuleWays = 50

// RulesFor returns the rules of the listener that may decide about a client, in order, up to the first that does; more means that there
// are too many. Those that let a client
// in are left out if none behind them keeps it out. There are none if the client cannot come to the listener.
func (ln *Listener) RulesFor(q *Question) (ways []RuleWay, more bool) {
	if q.ServerName != "" && ln.TLS == nil && ln.Protocol != Passthrough {
		return nil, false
	}
	facts := q.Facts
	if ln.Opaque() {
		facts.Connect = nil
	}
	deny := 0 // the number of ways up to the last that keeps the client out
	for _, list := range ln.Rules {
		for i := range list.rules {
			undecided, may := q.decide(list.set.Match(i), &facts)
			if !may {
				continue
			}
			if len(ways) == maxRuleWays {
				return ways, true
			}
			ways = append(ways, RuleWay{&list.rules[i], undecided})
			if list.rules[i].Deny {
				deny = len(ways)
			}
			if len(undecided) == 0 {
				return ways[:deny], false
			}
		}
	}
	return ways[:deny], false
}

// decide reports whether conditions may hold for the client, and names those about what is not known.
func (q *Question) decide(m *match.Match, facts *match.Facts) (undecided []string, may bool) {
	for _, of := range []struct {
		name  string
		known bool
		match match.Match
	}{
		{"cidr", q.Known.Has(KnownAddress), match.Match{Networks: m.Networks}},
		{"sni", q.Known.Has(KnownSNI), match.Match{ServerName: m.ServerName}},
		{"certificate", false, match.Match{Certificate: m.Certificate}},
		{"client_id", true, match.Match{ClientID: m.ClientID}},
		{"username", q.Known.Has(KnownUsername), match.Match{Username: m.Username}},
		{"username_present", q.Known.Has(KnownUsername), match.Match{HasUsername: m.HasUsername}},
		{"version", q.Known.Has(KnownVersion), match.Match{Versions: m.Versions}},
		{"keep_alive", false, match.Match{KeepAlive: m.KeepAlive}},
		{"will", false, match.Match{Will: m.Will}},
		{"clean_start", false, match.Match{CleanStart: m.CleanStart}},
	} {
		switch {
		case of.match == match.Match{}:
		case !of.known:
			undecided = append(undecided, of.name)
		case !of.match.Holds(facts):
			return nil, false
		}
	}
	return undecided, true
}
