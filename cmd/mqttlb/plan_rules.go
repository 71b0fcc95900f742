package main

import (
	"mqttlb/config"
	"mqttlb/proxy/match"
	"mqttlb/proxy/snapshot"
)

// rulesOf returns the rules of a listener: those that all listeners share, nil if there are none, and its own.
func rulesOf(common *snapshot.RuleList, l *config.Listener) (rules snapshot.Rules) {
	for _, list := range []*snapshot.RuleList{common, ruleListOf(l.Rules)} {
		if list != nil {
			rules = append(rules, list)
		}
	}
	return rules
}

// ruleListOf makes the run-time form of rules; nil of none.
func ruleListOf(from []config.Rule) *snapshot.RuleList {
	if len(from) == 0 {
		return nil
	}
	rules, conditions := make([]snapshot.Rule, len(from)), make([]match.Match, len(from))
	for i := range from {
		r := &from[i]
		deny := r.Action == config.Deny
		rules[i] = snapshot.NewRule(r.Name, deny, ruleCodes[r.Code])
		conditions[i] = matchOf(&r.Match, deny)
	}
	return snapshot.NewRuleList(rules, conditions)
}

// ruleCodes are the reason codes of MQTT 5 by their names; 0 is none.
var ruleCodes = map[config.RuleCode]uint8{
	config.CodeUnspecifiedError: 0x80, config.CodeImplementationSpecific: 0x83, config.CodeUnsupportedVersion: 0x84,
	config.CodeClientIdentifierNotValid: 0x85, config.CodeBadUserNameOrPassword: 0x86, config.CodeNotAuthorized: 0x87,
	config.CodeServerUnavailable: 0x88, config.CodeServerBusy: 0x89, config.CodeBanned: 0x8A, config.CodeQuotaExceeded: 0x97,
	config.CodeUseAnotherServer: 0x9C, config.CodeServerMoved: 0x9D, config.CodeConnectionRateExceeded: 0x9F,
}
