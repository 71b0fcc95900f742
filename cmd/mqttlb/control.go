package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"mqttlb/balancer"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/outcome"
)

// control is the process as the admin server shows and changes it.
type control struct {
	server  *server
	manager *manager
}

// do runs work in the manager.
func (c *control) do(ctx context.Context, work func(serving context.Context)) error {
	err := c.manager.do(ctx, work)
	if errors.Is(err, errStopping) {
		return &admin.Error{Status: http.StatusServiceUnavailable, Text: err.Error()}
	}
	return err
}

// Status implements [admin.Control].
func (c *control) Status(context.Context) (api.Status, error) {
	s := c.server
	plan, stats, reasons := s.plan.Load(), s.Stats(), s.notReady()
	status := api.Status{
		Version: buildVersion(), PID: os.Getpid(), Started: s.started, State: s.state.load(),
		Ready: len(reasons) == 0, NotReady: reasons,
		Generation: int(c.manager.inForce.Load()), ReloadFailed: c.manager.reloads.Load().Failed,
		MaxSessions: stats.MaxConnections, Loops: len(stats.Loops), Alarms: len(c.alarms(&stats)),
		Listeners: []api.ListenerStatus{}, Pools: []api.PoolStatus{},
	}
	for _, counts := range stats.Listeners { // those of removed listeners, too
		status.Sessions += counts.Open
		status.Totals.Accepted += counts.Accepted
		status.Totals.Refused += refusedOf(&counts.Outcomes)
	}
	for _, flow := range stats.Flows {
		status.Totals.BytesReceived += flow.Received
		status.Totals.BytesSent += flow.Sent
		status.Totals.PacketsReceived += flow.Packets[proxy.ToNode].Packets
		status.Totals.PacketsSent += flow.Packets[proxy.ToClient].Packets
	}
	for _, ln := range plan.snapshot.Listeners {
		l := api.ListenerStatus{Name: ln.Name, Address: ln.Address, Protocol: protocolName(ln.Protocol), TLS: ln.TLS != nil}
		if ln.Pool != nil {
			l.Pool = ln.Pool.Name
		}
		if bound := s.Addr(ln.Name); bound != nil {
			l.Address = bound.String()
		}
		if counts := stats.Listener(ln.Name); counts != nil {
			l.Open, l.Accepted, l.Refused = counts.Open, counts.Accepted, refusedOf(&counts.Outcomes)
			for rule, n := range counts.ToleratedRules() {
				l.Tolerated = append(l.Tolerated, api.Tolerated{Rule: rule.String(), Clients: n})
			}
		}
		status.Listeners = append(status.Listeners, l)
	}
	sources := s.discovery()
	for _, pool := range plan.pools {
		p := api.PoolStatus{Name: pool.Name, Nodes: len(pool.Nodes()), Up: pool.Up(), Discovery: discoveryOf(sources, pool.Name)}
		for _, n := range pool.Nodes() {
			p.Open += n.Open()
		}
		var in balancer.Precedence
		if in, p.TierInUse = pool.InUse(); p.TierInUse > 1 {
			p.InUse = in.String()
		}
		if progress, ok := stats.Rebalances[pool.Name]; ok {
			p.Rebalance = rebalanceOf(progress)
		}
		status.Pools = append(status.Pools, p)
	}
	return status, nil
}

func rebalanceOf(p proxy.RebalanceProgress) *api.Rebalance {
	return &api.Rebalance{
		Active: p.Active, Began: timeOf(p.Began), Found: p.Found, Moved: p.Moved, Left: p.Left, PerSecond: p.PerSecond, Remaining: p.Remaining.Seconds(),
	}
}

// refusedOf adds up the outcomes of refused clients.
func refusedOf(outcomes *[outcome.Count]uint64) (n uint64) {
	for o := range outcomes {
		if outcome.Outcome(o).Refused() {
			n += outcomes[o]
		}
	}
	return n
}

// Config implements [admin.Control].
func (c *control) Config(ctx context.Context) (shown api.Config, err error) {
	err = c.do(ctx, func(context.Context) {
		m := c.manager
		shown = api.Config{
			Generation: m.generation, File: m.file, Read: m.reloads.Load().Last, Config: string(m.running.config.RedactedYAML()), Errors: m.lastFaults.lines(),
		}
	})
	return shown, err
}

// Reload implements [admin.Control].
func (c *control) Reload(ctx context.Context, by admin.Origin) (api.Reload, error) {
	var result reloadResult
	if err := c.do(ctx, func(serving context.Context) { result = c.manager.reload(serving, by) }); err != nil {
		return api.Reload{}, err
	}
	if result.stopping {
		return api.Reload{}, &admin.Error{Status: http.StatusServiceUnavailable, Text: strings.Join(result.Errors, "; ")}
	}
	return result.Reload, nil
}

// Diff implements [admin.Control].
func (c *control) Diff(ctx context.Context, file string) (api.Diff, error) {
	result := api.Diff{Changes: []api.Change{}}
	if !rereadable(file) {
		result.Errors = []string{file + ": is not a regular file"}
		return result, nil
	}
	next, err := readRevision(file, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		result.Errors = faultsOf(file, err).lines()
		return result, nil
	}
	err = c.do(ctx, func(context.Context) { result.Changes = differences(c.manager.running.config, next.config) })
	return result, err
}

// Nodes implements [admin.Control].
func (c *control) Nodes(context.Context) (api.Nodes, error) { return c.manager.nodes(), nil }

// SetNode implements [admin.Control].
func (c *control) SetNode(ctx context.Context, by admin.Origin, name, verb string, change api.NodeChange) (api.Node, error) {
	return c.manager.setNode(ctx, by, name, verb, change)
}

// Stop implements [admin.Control].
func (c *control) Stop() { c.server.state.ask() }

// Audit implements [admin.Control].
func (c *control) Audit(by admin.Origin, action string, attrs ...slog.Attr) {
	c.manager.audit(by, action, attrs...)
}
