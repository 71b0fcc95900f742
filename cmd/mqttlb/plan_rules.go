package main

import (
	"mqttlb/config"
	"mqttlb/mqttparse"
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
		rules[i] = snapshot.Rule{Name: r.Name, Deny: deny, Code: reasonCodes[r.Code]}
		conditions[i] = matchOf(&r.Match, deny)
	}
	return snapshot.NewRuleList(rules, conditions)
}

// reasonCodes maps the codes of rules to those of CONNACKs.
var reasonCodes = map[config.RuleCode]mqttparse.ReasonCode{
	config.CodeNone:                     0,
	config.CodeUnspecifiedError:         mqttparse.UnspecifiedError,
	config.CodeImplementationSpecific:   mqttparse.ImplementationSpecificError,
	config.CodeUnsupportedVersion:       mqttparse.UnsupportedProtocolVersion,
	config.CodeClientIdentifierNotValid: mqttparse.ClientIdentifierNotValid,
	config.CodeBadUserNameOrPassword:    mqttparse.BadUserNameOrPassword,
	config.CodeNotAuthorized:            mqttparse.NotAuthorized,
	config.CodeServerUnavailable:        mqttparse.ServerUnavailable,
	config.CodeServerBusy:               mqttparse.ServerBusy,
	config.CodeBanned:                   mqttparse.Banned,
	config.CodeQuotaExceeded:            mqttparse.QuotaExceeded,
	config.CodeUseAnotherServer:         mqttparse.UseAnotherServer,
	config.CodeServerMoved:              mqttparse.ServerMoved,
	config.CodeConnectionRateExceeded:   mqttparse.ConnectionRateExceeded,
}
