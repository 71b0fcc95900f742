package main

import (
	"context"
	"fmt"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/health"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/tlsterm"
)

// fullShare is the share of max_connections from which on there is an alarm, in per cent. 5,000 of 50,000
// are left, which come in a second.
const fullShare = 90

// Alarms implements [admin.Control].
func (c *control) Alarms(context.Context) (api.Alarms, error) {
	stats := c.server.Stats()
	return api.Alarms{Alarms: c.alarms(&stats)}, nil
}

// alarms lists what is wrong now. It never returns nil.
func (c *control) alarms(stats *proxy.Stats) []api.Alarm {
	s := c.server
	all := []api.Alarm{}
	add := func(name, subject string, since time.Time, text string) {
		all = append(all, api.Alarm{Name: name, Subject: subject, Since: timeOf(since), Text: text})
	}
	plan := s.plan.Load()
	for _, pool := range plan.pools {
		if pool.Up() == 0 {
			add("pool_down", pool.Name, time.Time{}, "no node of the pool takes new sessions")
		}
		if in, place := pool.InUse(); place > 1 {
			add("backup_in_use", pool.Name, time.Time{}, "no node before it is up: new sessions go to "+in.String())
		}
		for _, n := range plan.checkers[pool.Name].Status() {
			subject := pool.Name + "/" + n.Node.Name
			switch n.State {
			case balancer.Down:
				add("node_down", subject, n.Since, reasonOf(&n))
			case balancer.Draining:
				add("node_draining", subject, n.Since, reasonOf(&n))
			case balancer.Up:
			}
			for _, at := range n.Addresses {
				if n.State != balancer.Down && at.State == balancer.Down { // otherwise node_down names them all
					add("node_address_down", subject, at.Since, addressReason(&at))
				}
			}
			if cause, mute := n.Node.Mute(); mute {
				add("node_mute", subject, time.Time{}, "it accepts connections, but no session gets a CONNACK: "+cause)
			}
			if n.Warning != "" {
				add("probe_incomplete", subject, time.Time{}, n.Warning)
			}
		}
	}
	s.discoveryAlarms(plan, add)
	now := time.Now()
	all = append(all, plan.nameAlarms(now)...)
	files := func(of string, list []tlsterm.CertificateStatus) {
		for _, f := range list {
			if f.Err != nil {
				add("certificate_broken", of, time.Time{}, fmt.Sprintf("%s cannot be used, and what was read at %s is in force: %v", f.File, f.LoadedAt.UTC().Format(time.RFC3339), f.Err))
			}
			if warning := f.Warning(now); warning != "" {
				add("certificate_expiring", of, time.Time{}, warning)
			}
		}
	}
	for _, ln := range plan.snapshot.Listeners {
		if ln.TLS != nil {
			files("listener "+ln.Name, ln.TLS.Terminator.Status())
		}
	}
	for _, pool := range plan.pools {
		if pool.TLS != nil {
			files("pool "+pool.Name, pool.TLS.Originator.Status())
		}
		if t := plan.probeTLS[pool.Name]; t != nil {
			files("health.tls of pool "+pool.Name, t.Originator.Status())
		}
	}
	if plan.admin.tls != nil {
		files("admin.tls", plan.admin.tls.Status())
	}
	plan.sourceAlarms(func(name, subject, text string) { add(name, subject, time.Time{}, text) })
	if c.manager.reloads.Load().Failed {
		add("reload_failed", c.manager.file, time.Time{}, "the configuration that was read last is not in force: mqttlb ctl config shows its errors")
	}
	var open int64
	for _, l := range stats.Listeners {
		open += l.Open
	}
	if open*100 > stats.MaxConnections*fullShare {
		see := "limits.max_connections"
		if wanted := plan.snapshot.MaxConnections; int64(wanted) > stats.MaxConnections {
			see = fmt.Sprintf("the descriptor limit (ulimit -Hn), which has no room for the %d of limits.max_connections", wanted)
		}
		add("connections_nearly_full", "", time.Time{}, fmt.Sprintf("%d of at most %d client connections are open: see %s", open, stats.MaxConnections, see))
	}
	if last := stats.Bans.LastHeld; plan.snapshot.Bans.Refusals > 0 && now.Sub(last) < plan.snapshot.Bans.Within {
		add("bans_withheld", "", time.Time{}, "more client addresses are refused again and again than sessions are accepted, and are not banned: "+
			"find out why nodes or listeners refuse them; see bans")
	}
	dropped := stats.LinesDropped.Sum()
	if s.linesDropped != nil {
		lines := s.linesDropped()
		dropped += lines.Process + lines.Sum()
	}
	if dropped > 0 {
		add("log_lines_dropped", "", time.Time{}, fmt.Sprintf("%d log lines were dropped since the start: the log is too slow", dropped))
	}
	return all
}

// addressReason says at which of its addresses a node is down, and why.
func addressReason(at *health.AddressStatus) string {
	return at.Addr.String() + ": " + reasonOf(&health.Status{Err: at.Err})
}

// reasonOf says why a node is not up.
func reasonOf(n *health.Status) string {
	if n.Err != nil {
		return n.Err.Error()
	}
	return "its last probe was good, but too few in a row were" // rise
}
