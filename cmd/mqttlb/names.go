package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mqttlb/balancer/discovery"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// names returns how the host names of nodes resolve.
func (s *server) names() admin.Names {
	p := s.plan.Load()
	return admin.Names{Hosts: p.names.Status(), Lookups: p.stub.Counts()}
}

// unresolvedAlarm is how long a name must have no good answer before there is an alarm. A resolver that restarts is back
// sooner, and what is in force stays.
const unresolvedAlarm = time.Minute

// nameAlarms lists the host names that have not resolved for long.
func (p *plan) nameAlarms(now time.Time) (all []api.Alarm) {
	for _, h := range p.names.Status() {
		if h.BadSince.IsZero() || now.Sub(h.BadSince) < unresolvedAlarm {
			continue
		}
		all = append(all, api.Alarm{Name: "name_unresolved", Subject: h.Host, Since: timeOf(h.BadSince), Text: inForce(&h) + ": " + h.Err})
	}
	return all
}

// inForce says which addresses the nodes of a name have that does not resolve.
func inForce(h *discovery.Status) string {
	nodes := "node " + h.Nodes[0]
	if len(h.Nodes) > 1 {
		nodes = "nodes " + strings.Join(h.Nodes, ", ")
	}
	if len(h.Addrs) == 0 {
		return nodes + ": no address, and so no new sessions"
	}
	return fmt.Sprintf("%s: the last good answer, of %s, is in force (%s)", nodes, h.GoodAt.UTC().Format(time.RFC3339), joinAddrs(h))
}

// joinAddrs lists the addresses of a name, of many the first ones.
func joinAddrs(h *discovery.Status) string {
	const most = 5
	var all []string
	for _, a := range h.Addrs[:min(len(h.Addrs), most)] {
		all = append(all, a.String())
	}
	if more := len(h.Addrs) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, ", ")
}

// unresolved describes the host names that the look-up of check has found no address for, in one line; empty: there are
// none.
func (p *plan) unresolved() string {
	const most = 5
	var hosts []string
	reason := ""
	for _, h := range p.names.Status() {
		if len(h.Addrs) == 0 {
			hosts = append(hosts, h.Host)
			if reason == "" {
				reason = h.Err
			}
		}
	}
	if len(hosts) == 0 {
		return ""
	}
	if reason == "" {
		reason = fmt.Sprintf("no answer within %v", checkResolve)
	}
	more := ""
	if n := len(hosts) - most; n > 0 {
		hosts, more = slices.Delete(hosts, most, len(hosts)), fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("host names of nodes that do not resolve on this machine: %s%s (%s)", strings.Join(hosts, ", "), more, reason)
}
