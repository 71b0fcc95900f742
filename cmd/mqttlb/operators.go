package main

import (
	"fmt"
	"maps"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

// operators holds what operators have set at run time for nodes, by the node's name. A node that no
// pool has keeps its settings. A value never changes: see with.
type operators map[string]nodeSettings

// nodeSettings are an operator's settings of a node. The zero value of a field leaves the
// configuration in force.
type nodeSettings struct {
	State  api.OperatorState `json:"state"`
	Weight int               `json:"weight,omitempty"`
	Since  time.Time         `json:"since"` // of the last change

	// How the sessions leave, if State is not Enabled; at most one is set. None: they stay.
	PerSecond float64   `json:"per_second,omitempty"`
	Until     time.Time `json:"until,omitzero"`
}

// operatorWords are the words of package balancer for those of the API.
var operatorWords = map[api.OperatorState]balancer.State{
	api.Enabled: balancer.Up, api.Draining: balancer.Draining, api.Disabled: balancer.Down,
}

// of returns the settings of a node.
func (o operators) of(name string) nodeSettings {
	if s, ok := o[name]; ok {
		return s
	}
	return nodeSettings{State: api.Enabled}
}

// with returns a copy in which a node has other settings. Nodes without settings that no pool has are
// forgotten.
func (o operators) with(name string, s nodeSettings, known map[string]bool) operators {
	next := maps.Clone(o)
	if next == nil {
		next = operators{}
	}
	next[name] = s
	if s.Since.IsZero() { // it was never changed
		delete(next, name)
	}
	maps.DeleteFunc(next, func(name string, s nodeSettings) bool { return s.unset() && !known[name] })
	return next
}

// unset reports whether the configuration alone says how the node is used.
func (s nodeSettings) unset() bool { return s.State == api.Enabled && s.Weight == 0 }

// weight returns the weight of a node whose configured one is given.
func (o operators) weight(name string, configured int) int {
	if w := o[name].Weight; w != 0 {
		return w
	}
	return configured
}

// setWords sets the operator's word of each node.
func (o operators) setWords(nodes []*balancer.Node) {
	for _, n := range nodes {
		n.SetOperator(operatorWords[o.of(n.Name).State])
	}
}

// pace returns the pace at which the sessions of the node leave from now on.
func (s nodeSettings) pace(now time.Time) proxy.Pace {
	if !s.Until.IsZero() {
		return proxy.Pace{Within: max(s.Until.Sub(now), minWithin)}
	}
	return proxy.Pace{PerSecond: s.PerSecond}
}

// setPace sets the pace, which begins now.
func (s *nodeSettings) setPace(p proxy.Pace, now time.Time) {
	s.PerSecond, s.Until = p.PerSecond, time.Time{}
	if p.Within > 0 {
		s.Until = now.Add(p.Within).UTC().Truncate(time.Millisecond)
	}
}

// String describes the settings for the audit line.
func (s nodeSettings) String() string {
	text := string(s.State)
	switch {
	case !s.Until.IsZero():
		text += ", all leave until " + s.Until.Format(time.RFC3339)
	case s.PerSecond > 0:
		text += ", " + formatPace(s.PerSecond) + " leave"
	case s.State == api.Draining:
		text += ", sessions stay"
	}
	if s.Weight != 0 {
		text += fmt.Sprintf(", weight %d", s.Weight)
	}
	return text
}
