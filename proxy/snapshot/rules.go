package snapshot

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
)

// Rule lets clients in or refuses them.
type Rule struct {
	Name string
	Deny bool
	Code mqttparse.ReasonCode // of the CONNACK for a refused client; 0: it gets none
}

// NewRule returns a rule with the reason code of that number.
func NewRule(name string, deny bool, code uint8) Rule {
	return Rule{Name: name, Deny: deny, Code: mqttparse.ReasonCode(code)}
}

// RuleList is a list of rules with their conditions. Listeners may share one.
type RuleList struct {
	rules []Rule
	set   *match.Set
}

// NewRuleList returns the list of some rules and their conditions, which it keeps. There are as many of each.
func NewRuleList(rules []Rule, conditions []match.Match) *RuleList {
	return &RuleList{rules: rules, set: match.NewSet(conditions)}
}

// Rules are the rules of a listener, in order: those of its lists, one after the other.
type Rules []*RuleList

// First returns the first rule that matches a client, and its number; nil: none does, and the client is let in.
func (r Rules) First(f *match.Facts) (rule *Rule, number int) {
	for _, list := range r {
		if i := list.set.First(f); i >= 0 {
			return &list.rules[i], number + i
		}
		number += len(list.rules)
	}
	return nil, 0
}

// All returns all rules, by their numbers.
func (r Rules) All() (all []Rule) {
	for _, list := range r {
		all = append(all, list.rules...)
	}
	return all
}
