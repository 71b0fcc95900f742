package config

import (
	"cmp"
	"fmt"
)

// shownRules is how many rules of a list the summary shows: a list of bans would hide the rest of it.
const shownRules = 20

// rules is the table of all rules.
func (c *Config) rules() [][]string {
	table := [][]string{{"RULES OF", "NAME", "ACTION", "CODE", "CLIENTS"}}
	add := func(of string, rules []Rule) {
		for i := range rules[:min(len(rules), shownRules)] {
			r := &rules[i]
			code := string(r.Code)
			if r.Action == Allow {
				code = "-"
			}
			table = append(table, []string{of, r.Name, string(r.Action), code, cmp.Or(abbreviate(r.String()), "all")})
		}
		if more := len(rules) - shownRules; more > 0 {
			table = append(table, []string{of, fmt.Sprintf("and %d more", more)})
		}
	}
	add("all listeners", c.Rules)
	for i := range c.Listeners {
		add(c.Listeners[i].Name, c.Listeners[i].Rules)
	}
	return table
}
