package admin

import (
	"strconv"

	"mqttlb/mqttparse"
	"mqttlb/proxy"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
)

var (
	connectionsOpen     = newGauge("connections_open", "Client connections that are open, from accept to end.", "listener")
	connectionsAccepted = newCounter("connections_accepted_total", "Client connections accepted.", "listener")
	outcomes            = newCounter("outcomes_total", "Client connections that have ended, by how.", "listener", "outcome")
	refusals            = newCounter("refusals_total", "Client connections that were refused, by reason. Each is among mqttlb_outcomes_total too: do not add them.", "listener", "reason")
	tolerated           = newCounter("connect_tolerated_total", "Clients that were let through although their CONNECT breaks a rule, by rule. One CONNECT may break several.", "listener", "rule")
	foreignProtocols    = newCounter("foreign_protocols_total", "Client connections refused because their first bytes were of another protocol than expected, by that protocol.", "listener", "protocol")
	httpAnswers         = newCounter("http_answers_total", "HTTP requests that mqttlb answered and no node, by status.", "listener", "status")
)

// listeners sends what is counted for each listener before a node is chosen, and how its
// connections ended.
func (s scrape) listeners(all []proxy.ListenerStats) {
	for i := range all {
		l := &all[i]
		s.gauge(connectionsOpen, float64(l.Open), l.Name)
		s.count(connectionsAccepted, l.Accepted, l.Name)
		for o, n := range l.Outcomes {
			o := outcome.Outcome(o)
			if o == outcome.None {
				continue
			}
			s.count(outcomes, n, l.Name, o.String())
			if o.Refused() {
				s.count(refusals, n, l.Name, o.String())
			}
		}
		for r, n := range l.Tolerated {
			if r > 0 && (l.Tolerant || n > 0) { // a counter stays when the listener has become strict
				s.count(tolerated, n, l.Name, mqttparse.Rule(r).String())
			}
		}
		for f, n := range l.Foreign {
			if f := opening.Foreign(f); f != opening.NotForeign {
				s.count(foreignProtocols, n, l.Name, f.String())
			}
		}
		for status, n := range l.Answers {
			s.count(httpAnswers, n, l.Name, strconv.Itoa(status))
		}
	}
}
