package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"mqttlb/balancer/nodeset"
	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

// awaitNodes waits a moment for the nodes that the pools of a first revision discover, so that its first clients need not
// wait. Those that are not known then come as changes.
func (r *revision) awaitNodes(ctx context.Context, log *slog.Logger) error {
	if len(r.plan.used) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, firstAnswers)
	defer cancel()
	r.plan.sets.Apply(watchesOf(r.config))
	r.plan.sets.Resolve(limited)
	next, err := newPlan(r.config, r.plan, r.plan.operators, log)
	if err != nil {
		return err
	}
	r.plan = next
	return nil
}

// isCurrent reports whether the plan has the nodes that its pools have discovered by now.
func (p *plan) isCurrent() bool {
	for source, set := range p.used {
		if !p.sets.Find(source).Equal(set) {
			return false
		}
	}
	return true
}

// applySets puts the nodes that pools have discovered in force. The configuration stays, so this is no reload and no new
// generation. If it fails it is tried again after a while.
func (m *manager) applySets(ctx context.Context) {
	if ctx.Err() != nil || m.running.plan.isCurrent() {
		return
	}
	before, next := m.running.plan, *m.running
	err := m.applyAgain(ctx, &next, *m.operators.Load())
	if errors.Is(err, errStopping) || errors.Is(err, proxy.ErrStopping) {
		return
	}
	if err != nil {
		m.setsFailed(err)
		return
	}
	m.setsFault.Store(nil)
	m.reportSets(before, next.plan)
}

// reportSets logs and publishes how the discovered nodes of the pools differ in two plans.
func (m *manager) reportSets(before, after *plan) {
	for _, pool := range after.pools {
		m.reportNodes(pool.Name, before, after)
	}
}

// applyAgain puts the configuration in force again, with the operators' settings and the nodes that are known now. It reads
// no files again, and has no warnings that are not known.
func (m *manager) applyAgain(ctx context.Context, next *revision, o operators) (err error) {
	if next.plan, err = newPlan(next.config, m.running.plan, o, m.log.Logger); err != nil {
		return err
	}
	next.plan.readAgain, next.plan.again = nil, true
	if _, err = m.apply(ctx, m.running, next); err == nil {
		m.running = next
	}
	return err
}

// retrySets is how long after a failure the nodes of pools are put in force again.
const retrySets = 10 * time.Second

// setsFailed notes why the nodes of pools are not in force, as TLS files that were replaced by broken ones.
func (m *manager) setsFailed(err error) {
	if last := m.setsFault.Load(); last == nil || string(*last) != err.Error() {
		m.log.Error("the nodes that pools have discovered are not in force; those before stay", "error", err)
	}
	fault := setsFault(err.Error())
	m.setsFault.Store(&fault)
	m.retrySets = time.After(retrySets)
}

// setsFault is why the nodes of pools are not in force.
type setsFault string

// reportNodes is reportSets for one pool.
func (m *manager) reportNodes(pool string, before, after *plan) {
	was, is := before.discovered(pool), after.discovered(pool)
	var added, removed, changed []string
	for _, n := range is {
		i := slices.IndexFunc(was, func(o plannedNode) bool { return o.Name == n.Name })
		switch {
		case i < 0:
			added = append(added, n.Name)
		case n.Node != was[i].Node || !slices.Equal(n.addrs, was[i].addrs):
			changed = append(changed, n.Name)
		}
	}
	for _, n := range was {
		if !slices.ContainsFunc(is, func(o plannedNode) bool { return o.Name == n.Name }) {
			removed = append(removed, n.Name)
		}
	}
	if len(added)+len(removed)+len(changed) == 0 {
		return
	}
	m.log.Info("the nodes of the pool have changed", "pool", pool, "added", shorten(added), "removed", shorten(removed), "changed", shorten(changed), "nodes", len(is))
	text := fmt.Sprintf("%d nodes", len(is))
	for _, of := range []struct {
		what  string
		names []string
	}{{"added", added}, {"removed", removed}, {"changed", changed}} {
		if len(of.names) > 0 {
			text += "; " + of.what + " " + strings.Join(shorten(of.names), ", ")
		}
	}
	m.events.Publish(api.Event{Kind: eventNodes, Subject: pool, Text: text})
}

// discovered returns the nodes of a pool that are not in the configuration.
func (p *plan) discovered(pool string) (nodes []plannedNode) {
	for _, n := range p.planned[pool] {
		if n.source != "" {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// checkNodeFiles reads the files of nodes. One that cannot be read is a warning, since a script may write it later.
func checkNodeFiles(cfg *config.Config) (warnings []config.Error, err error) {
	var errs []error
	for i := range cfg.Pools {
		if d := cfg.Pools[i].Discover; d == nil || d.File == "" {
			continue
		}
		switch _, err := cfg.Pools[i].LoadNodes(); {
		case err == nil:
		case config.IsFault(err):
			errs = append(errs, err)
		default:
			warnings = append(warnings, cfg.Fault(fmt.Sprintf("pools[%d].discover.file", i), err.Error()+": the pool has no nodes until it can be read"))
		}
	}
	return warnings, errors.Join(errs...)
}

// shorten returns the first of many names, for a line.
func shorten(names []string) []string {
	if len(names) <= mostNames {
		return names
	}
	return append(slices.Clone(names[:mostNames]), fmt.Sprintf("and %d more", len(names)-mostNames))
}

const mostNames = 20

// discovery returns the state of each source of nodes.
func (s *server) discovery() []nodeset.Status { return s.plan.Load().sets.Status() }

// discoveryAlarms adds what is wrong with the sources of nodes.
func (s *server) discoveryAlarms(p *plan, add func(name, subject string, since time.Time, text string)) {
	for _, d := range p.sets.Status() {
		switch {
		case d.Err != nil:
			kept := fmt.Sprintf("the nodes that are known stay (%d): ", len(d.Nodes))
			if len(d.Nodes) == 0 {
				kept = "none is known: "
			}
			add("discovery_failed", d.Pool, d.Since, d.String()+": "+kept+inALine(d.Err))
		case d.Ignored:
			add("discovery_empty", d.Pool, d.Empty, fmt.Sprintf("%s says that there are no nodes: ignored for empty_grace, those that are known stay (%d)", d.Source, len(d.Nodes)))
		case !d.Empty.IsZero():
			add("discovery_empty", d.Pool, d.Empty, d.String()+" says that there are no nodes")
		}
	}
	if s.manager == nil {
		return
	}
	if fault := s.manager.setsFault.Load(); fault != nil {
		add("discovery_failed", "", time.Time{}, "the nodes that were found last are not in force: "+string(*fault))
	}
}

// discoveryOf returns the state of the source of a pool for the API; nil: it has none.
func discoveryOf(all []nodeset.Status, pool string) *api.Discovery {
	i := slices.IndexFunc(all, func(d nodeset.Status) bool { return d.Pool == pool })
	if i < 0 {
		return nil
	}
	d := &all[i]
	shown := &api.Discovery{
		Source: d.String(), Nodes: len(d.Nodes), Known: d.Known, LastAnswer: timeOf(d.LastGood), Changes: d.Changes, Failures: d.Failures,
		Since: timeOf(d.Since), EmptySince: timeOf(d.Empty), EmptyIgnored: d.Ignored,
	}
	if d.Err != nil {
		shown.Error = inALine(d.Err)
	}
	return shown
}

// inALine returns the text of an error, which has a line for each fault of a file of nodes.
func inALine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
