package main

import (
	"context"
	"fmt"
	"slices"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// Route implements [admin.Control].
func (c *control) Route(_ context.Context, query admin.RouteQuery) (api.Route, error) {
	answer := api.Route{ClientID: query.ClientID, Routes: []api.ListenerRoute{}}
	if err := c.knows(&api.SessionFilter{Listener: query.Listener}); err != nil {
		return answer, err
	}
	q, err := proxy.ParseQuestion(proxy.QuestionSpec(query))
	if err != nil {
		return answer, badRequest("%v", err)
	}
	rules, more := c.server.RulesFor(q)
	for _, r := range rules {
		answer.Rules = append(answer.Rules, api.RouteRule(r))
	}
	answer.MoreRules = more
	probes := c.server.probes()
	for _, to := range c.server.Route(q) {
		r := api.ListenerRoute{Listeners: []string{}, Ways: []api.RouteWay{}, Pool: to.Pool, Algorithm: to.Algorithm.String(), Note: to.Note, Candidates: []api.Candidate{}}
		for _, way := range to.Ways {
			r.Ways = append(r.Ways, api.RouteWay(way))
			if !slices.Contains(r.Listeners, way.Listener) {
				r.Listeners = append(r.Listeners, way.Listener)
			}
		}
		if to.Keyed {
			r.HashKey, r.Key = to.HashKey.String(), fmt.Sprintf("%016x", to.Key)
		}
		for _, choice := range to.Choices {
			n := choice.Node
			r.Candidates = append(r.Candidates, api.Candidate{
				Node: n.Name, State: n.State().String(), Chosen: choice.Chosen, Why: reasonFor(&choice, probes[to.Pool]),
				Weight: n.Weight, Connections: n.Open(), MaxConnections: n.MaxConnections,
			})
		}
		answer.Routes = append(answer.Routes, r)
	}
	return answer, nil
}

// reasonFor returns the reason for a choice, with what the health checks have found if they are one.
func reasonFor(c *balancer.Choice, probes []health.Status) string {
	probed := c.Probed
	i := slices.IndexFunc(probes, func(s health.Status) bool { return s.Node.Same(c.Node) && s.Err != nil })
	if probed != "" && i >= 0 {
		probed += ": " + probes[i].Err.Error()
	}
	if probed != "" && c.Why != "" {
		probed += ", "
	}
	return probed + c.Why
}
