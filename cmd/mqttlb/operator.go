package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

func badRequest(format string, args ...any) error {
	return &admin.Error{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// drainer is the part of the server that has sessions leave.
type drainer interface {
	DrainNode(name string, pace proxy.Pace) error
	CancelDrain(name string)
	Drains() map[string]proxy.DrainProgress
}

// The verbs of an operator for a node.
const (
	verbDrain   = "drain"
	verbUndrain = "undrain"
	verbDisable = "disable"
	verbEnable  = "enable"
	verbWeight  = "weight"
)

var nodeVerbs = []string{verbDrain, verbUndrain, verbDisable, verbEnable, verbWeight}

// nodeChange is a change that an operator wants, as far as it can be checked without the node.
type nodeChange struct {
	verb   string
	pace   proxy.Pace
	weight int
}

// parseNodeChange checks a change. The error is a *admin.Error.
func parseNodeChange(verb string, c api.NodeChange) (nodeChange, error) {
	change := nodeChange{verb: verb}
	if !slices.Contains(nodeVerbs, verb) {
		return change, &admin.Error{Status: http.StatusNotFound, Text: fmt.Sprintf("%q is unknown; a node can be told to %s", verb, strings.Join(nodeVerbs, ", "))}
	}
	if verb != verbDrain && verb != verbDisable && (c.Pace != "" || c.Within != "") {
		return change, badRequest("%s has neither pace nor within; only %s and %s have them", verb, verbDrain, verbDisable)
	}
	if verb == verbWeight {
		if c.Weight == nil || *c.Weight < 0 || *c.Weight > balancer.MaxWeight {
			return change, badRequest("weight: write a number from 1 to %d, or 0 for the configured weight", balancer.MaxWeight)
		}
		change.weight = *c.Weight
		return change, nil
	}
	if c.Weight != nil {
		return change, badRequest("%s has no weight; only %s has one", verb, verbWeight)
	}
	var err error
	change.pace, err = parsePace(c)
	return change, err
}

// setNode changes an operator's settings of a node. The error is a *admin.Error, or that of ctx.
func (m *manager) setNode(ctx context.Context, by origin, name, verb string, c api.NodeChange) (api.Node, error) {
	change, err := parseNodeChange(verb, c)
	if err != nil {
		return api.Node{}, err
	}
	var node api.Node
	var failed error
	err = m.do(ctx, func(serving context.Context) { node, failed = m.changeNode(serving, by, name, change) })
	if err = errors.Join(err, failed); errors.Is(err, errStopping) || errors.Is(err, proxy.ErrStopping) {
		return api.Node{}, &admin.Error{Status: http.StatusServiceUnavailable, Text: errStopping.Error()}
	}
	if failed != nil {
		return api.Node{}, failed
	}
	return node, err
}

// changeNode carries a change out. Nothing has changed after an error.
func (m *manager) changeNode(ctx context.Context, by origin, name string, c nodeChange) (api.Node, error) {
	if ctx.Err() != nil {
		return api.Node{}, errStopping
	}
	known := m.knownNodes()
	before := m.operators.Load().of(name)
	_, leaving := m.drainer.Drains()[name]
	if _, set := (*m.operators.Load())[name]; !known[name] && !set && !leaving {
		return api.Node{}, &admin.Error{
			Status: http.StatusNotFound, Text: fmt.Sprintf("no pool has a node %q; the nodes are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", ")),
		}
	}
	after, now := before, time.Now()
	switch c.verb {
	case verbDrain:
		after.State = api.Draining
		after.setPace(c.pace, now)
	case verbDisable:
		if c.pace.None() {
			c.pace.PerSecond = float64(m.drainRate(name))
		}
		after.State = api.Disabled
		after.setPace(c.pace, now)
	case verbUndrain, verbEnable:
		if c.verb == verbUndrain && before.State == api.Disabled {
			return api.Node{}, &admin.Error{Status: http.StatusConflict, Text: fmt.Sprintf("node %q is disabled; enable it", name)}
		}
		after.State = api.Enabled
		after.setPace(proxy.Pace{}, now)
	case verbWeight:
		after.Weight = c.weight
	}
	if after != before {
		after.Since = now.UTC().Truncate(time.Millisecond)
	}
	next := m.operators.Load().with(name, after, known)
	if after.Weight != before.Weight {
		if err := m.applyWeights(ctx, next); err != nil {
			return api.Node{}, err
		}
	}
	m.operators.Store(&next)
	if err := m.setState(name, after, c); err != nil {
		return api.Node{}, err
	}
	return m.reportNode(by, name, before, after, c.verb), nil
}

// setState has the node take new sessions or not, and its sessions leave or not.
func (m *manager) setState(name string, after nodeSettings, c nodeChange) error {
	setWord := func() {
		for _, n := range m.running.plan.nodes() {
			if n.Name == name {
				n.SetOperator(operatorWords[after.State])
			}
		}
	}
	switch c.verb {
	case verbDrain, verbDisable:
		setWord() // first: clients that are told to leave must not come back to it
		return m.drainer.DrainNode(name, c.pace)
	case verbUndrain, verbEnable:
		m.drainer.CancelDrain(name) // first: new clients must not be told to leave
		setWord()
	}
	return nil
}

// applyWeights puts the present configuration in force with other weights, like a reload that reads no
// file.
func (m *manager) applyWeights(ctx context.Context, o operators) error {
	next := *m.running
	switch err := m.applyAgain(ctx, &next, o); {
	case errors.Is(err, errStopping), errors.Is(err, proxy.ErrStopping):
		return err
	case err != nil:
		return &admin.Error{Status: http.StatusInternalServerError, Text: "the weight could not be put in force: " + err.Error()}
	}
	return nil
}

// reportNode keeps the settings and logs a change that has been made. It returns the node as it is now.
func (m *manager) reportNode(by origin, name string, before, after nodeSettings, verb string) api.Node {
	var warnings []string
	if after.State != api.Enabled {
		warnings = m.lastOf(name)
	}
	for _, w := range warnings {
		m.log.Warn("the last node of a pool was taken out", "node", name, "warning", w)
	}
	if err := m.saveOperators(); err != nil {
		warnings = append(warnings, err.Error())
		m.log.Warn("a change of a node does not outlive this process", "node", name, "error", err)
	}
	attrs := []slog.Attr{slog.String("node", name), slog.String("before", before.String()), slog.String("after", after.String())}
	if len(warnings) > 0 {
		attrs = append(attrs, slog.String("warnings", strings.Join(warnings, "; ")))
	}
	m.audit(by, verb, attrs...)
	node := m.node(name)
	node.Warnings = warnings
	return node
}

// lastOf names the pools in which no other node is up.
func (m *manager) lastOf(name string) (warnings []string) {
	for _, p := range m.running.plan.pools {
		has := slices.ContainsFunc(p.Nodes(), func(n *balancer.Node) bool { return n.Name == name })
		if has && !p.HasOtherUp(name) {
			warnings = append(warnings, fmt.Sprintf("pool %q has no other node that is up: its new clients may be refused", p.Name))
		}
	}
	return warnings
}

// knownNodes returns the names of the nodes of all pools.
func (m *manager) knownNodes() map[string]bool {
	known := map[string]bool{}
	for _, n := range m.running.plan.nodes() {
		known[n.Name] = true
	}
	return known
}

// drainRate returns how many sessions of a node leave in a second if the operator says nothing: the
// lowest drain_rate of its pools.
func (m *manager) drainRate(name string) int {
	rate := 0
	for _, p := range m.running.config.Pools {
		for _, n := range m.running.plan.planned[p.Name] {
			if n.Name == name && (rate == 0 || p.DrainRate < rate) {
				rate = p.DrainRate
			}
		}
	}
	if rate == 0 {
		return defaultDrainRate
	}
	return rate
}

// defaultDrainRate is the drain_rate of a node that no pool has: the default of the configuration.
const defaultDrainRate = 100

// resumeDrains begins the drains that the process before has not ended.
func (m *manager) resumeDrains() error {
	for name, s := range *m.operators.Load() {
		if s.State == api.Enabled {
			continue
		}
		if err := m.drainer.DrainNode(name, s.pace(time.Now())); err != nil {
			return err
		}
	}
	return nil
}
