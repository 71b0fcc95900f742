package proxy

import (
	"strings"

	"mqttlb/mqttparse"
)

// countTolerated counts the rules that a client's CONNECT breaks. The first client of a port that breaks a
// rule gets a log line, so that an operator learns of it without the metrics.
func (l *loop) countTolerated(s *session, rules mqttparse.Rules) {
	if rules == 0 {
		return
	}
	for rule := range rules.All() {
		s.listener.Tolerated[rule]++
	}
	seen := mqttparse.Rules(s.listener.port.tolerated.Or(uint32(rules)))
	for rule := range (rules &^ seen).All() {
		l.server.journal.firstBreach(s, rule)
	}
}

// firstBreach queues the line of the first client that breaks a rule.
func (j *journal) firstBreach(s *session, rule mqttparse.Rule) {
	j.queue(record{listener: s.listener.Name, source: s.source.addrPort(), id: s.clientID(), version: s.version, breach: rule})
}

// writeBreach writes the line of the first client that breaks a rule.
func (j *journal) writeBreach(r *record) {
	j.log.Info("a CONNECT breaks a rule that listeners[].validity: strict enforces; later ones are only counted",
		"listener", r.listener, "rule", r.breach.String(), "fault", r.breach.Fault(), "client", r.client(), "client_id", r.id, "version", r.version.String())
}

// ruleNames lists rules by their names.
func ruleNames(rules mqttparse.Rules) string {
	var names []string
	for rule := range rules.All() {
		names = append(names, rule.String())
	}
	return strings.Join(names, " ")
}
