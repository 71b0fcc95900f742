package ctl

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// pools is a row for each pool, and under it one for each of its nodes.
func (s *snapshot) pools() *table {
	t := &table{columns: []column{
		{title: "POOL AND NODE", least: 13}, {title: "STATE", least: 8}, {title: "WEIGHT", right: true},
		{title: "SESSIONS", right: true}, {title: "NOTE", least: 10},
	}}
	for _, pool := range s.status.Pools {
		look := plain
		if pool.Up == 0 {
			look = bad
		}
		t.rows = append(t.rows, []cell{
			{text: terminal.Printable(pool.Name)}, {fmt.Sprintf("%d of %d up", pool.Up, pool.Nodes), look}, {}, {text: thousands(pool.Open)}, {text: poolNote(&pool)},
		})
		for _, node := range s.nodes.Nodes {
			for _, in := range node.Pools {
				if in.Pool == pool.Name {
					t.rows = append(t.rows, nodeRow("  "+terminal.Printable(node.Name), &node, &in, s.at))
				}
			}
		}
	}
	for _, node := range s.nodes.Nodes {
		if len(node.Pools) == 0 {
			t.rows = append(t.rows, []cell{
				{text: terminal.Printable(node.Name)}, {text: terminal.Printable(string(node.Operator.State))}, {}, {},
				{text: "in no pool: only the operator's word is left"},
			})
		}
	}
	return t
}

// poolNote says what an operator should know of a pool.
func poolNote(pool *api.PoolStatus) string {
	var notes []string
	if pool.TierInUse > 1 {
		notes = append(notes, terminal.Printable(pool.InUse)+" is in use")
	}
	if text := rebalanceText(pool.Rebalance); text != "" {
		notes = append(notes, text)
	}
	if pool.Discovery != nil {
		notes = append(notes, sourceNote(pool.Discovery))
	}
	return strings.Join(notes, "; ")
}

// nodeRow is the row of a node in a pool: its name, state, weight, sessions and a note.
func nodeRow(name string, n *api.Node, in *api.NodeInPool, now time.Time) []cell {
	state, look := nodeState(n, in)
	sessions := thousands(in.Connections)
	if in.MaxConnections > 0 {
		sessions += "/" + thousands(in.MaxConnections)
	}
	return []cell{{text: name}, {state, look}, {text: fmt.Sprint(in.Weight)}, {text: sessions}, {text: nodeNote(n, in, now)}}
}

// nodeState is the state of a node in a pool. If it is disabled and down, the note says
// the latter.
func nodeState(n *api.Node, in *api.NodeInPool) (string, look) {
	state := terminal.Printable(in.State)
	look := notice
	switch in.State {
	case "up":
		look = good
	case "down":
		look = bad
	}
	if n.Operator.State == api.Disabled {
		return string(api.Disabled), look
	}
	return state, look
}

// nodeNote says what an operator should know of a node: why it is down, how its drain
// goes, and what is set at run time.
func nodeNote(n *api.Node, in *api.NodeInPool, now time.Time) string {
	var notes []string
	if !in.Healthy {
		note := terminal.Printable(cmp.Or(in.Health, "down")) // earlier versions have no Health
		if ago := since(in.Since, now); ago != "" {
			note += " for " + ago
		}
		if in.Reason != "" {
			note += ": " + terminal.Printable(in.Reason)
		}
		notes = append(notes, note)
	}
	if in.Healthy { // otherwise the reason names the addresses
		notes = append(notes, addressNotes(in.Addresses, now)...)
	}
	switch {
	case in.Backup && in.Priority > 0:
		notes = append(notes, fmt.Sprintf("backup of priority %d", in.Priority))
	case in.Backup:
		notes = append(notes, "backup")
	case in.Priority > 0:
		notes = append(notes, fmt.Sprintf("priority %d", in.Priority))
	}
	if in.Warning != "" {
		notes = append(notes, terminal.Printable(in.Warning))
	}
	if in.Waiting > 0 {
		notes = append(notes, fmt.Sprintf("%d sessions wait", in.Waiting))
	}
	if in.OutlierUntil != nil {
		notes = append(notes, "an outlier for another "+span(max(math.Ceil(in.OutlierUntil.Sub(now).Seconds()), 1)))
	}
	switch {
	case in.Mute != "" && in.Healthy: // otherwise the reason says so
		notes = append(notes, "no session gets a CONNACK: "+terminal.Printable(in.Mute))
	case in.Unanswered > 0:
		notes = append(notes, fmt.Sprintf("%d sessions got no CONNACK", in.Unanswered))
	}
	if in.Healthy && in.Ramp > 0 && in.Ramp < 1 { // earlier versions have no Ramp
		notes = append(notes, fmt.Sprintf("slow start, %d %%", int(100*in.Ramp)))
	}
	if in.Overloaded {
		notes = append(notes, "over max_load")
	}
	if n.Drain != nil {
		notes = append(notes, drainText(n.Drain))
	}
	if in.Weight != in.ConfiguredWeight {
		notes = append(notes, fmt.Sprintf("weight %d in the file", in.ConfiguredWeight))
	}
	return strings.Join(notes, "; ")
}

// addressNotes says which of several addresses of a node are not up.
func addressNotes(addresses []api.NodeAddress, now time.Time) (notes []string) {
	for _, a := range addresses {
		if a.Health == "up" {
			continue
		}
		note := terminal.Printable(a.Address) + " is " + terminal.Printable(a.Health)
		if ago := since(a.Since, now); ago != "" {
			note += " for " + ago
		}
		if a.Reason != "" {
			note += ": " + terminal.Printable(a.Reason)
		}
		notes = append(notes, note)
	}
	return notes
}

// drainText is the progress of a drain.
func drainText(d *api.Drain) string {
	text := fmt.Sprintf("%s of %s left", thousands(d.Left), thousands(d.Sessions))
	switch {
	case d.Left == 0:
		return "no sessions left"
	case d.PerSecond <= 0:
		return text + ", as they end"
	case d.Remaining > 0:
		return fmt.Sprintf("%s to go at %s/s, %s", span(math.Ceil(d.Remaining)), rate(d.PerSecond), text)
	default:
		return fmt.Sprintf("leaving at %s/s, %s", rate(d.PerSecond), text)
	}
}

// rebalanceText is the progress of the sessions that return to their first node; empty: none does.
func rebalanceText(r *api.Rebalance) string {
	if r == nil || !r.Active {
		return ""
	}
	text := fmt.Sprintf("%s of %s to return to their first node", thousands(r.Left), thousands(r.Found))
	if r.Remaining > 0 {
		text = fmt.Sprintf("%s to go at %s/s, %s", span(math.Ceil(r.Remaining)), rate(r.PerSecond), text)
	}
	return text
}

// sourceNote says where the nodes of a pool come from.
func sourceNote(d *api.Discovery) string {
	text := "nodes by " + terminal.Printable(d.Source)
	switch {
	case !d.Known:
		text += ": not known yet"
	case d.Error != "":
		text += ": " + terminal.Printable(d.Error)
	case d.EmptyIgnored:
		text += ", which says that there are none: ignored for now"
	case d.EmptySince != nil:
		text += ", which says that there are none"
	}
	return text
}
