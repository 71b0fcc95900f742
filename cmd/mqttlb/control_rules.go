package main

import (
	"context"

	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// Rules implements [admin.Control].
func (c *control) Rules(_ context.Context, q admin.RuleQuery) (api.Rules, error) {
	answer := api.Rules{Rules: []api.Rule{}}
	if err := c.knows(&api.SessionFilter{Listener: q.Listener}); err != nil {
		return answer, err
	}
	for _, r := range c.server.Rules() {
		if q.Listener != "" && r.Listener != q.Listener || q.Matched && r.Matched == 0 {
			continue
		}
		answer.Rules = append(answer.Rules, api.Rule{Listener: r.Listener, Rule: r.Rule, Action: r.Action(), Matched: r.Matched})
	}
	return answer, nil
}
