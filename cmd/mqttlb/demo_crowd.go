package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	// leastRows is how many clients each column must have room for: with less, and more clients, a screen of columns
	// shows hardly anybody.
	leastRows = 4
	// maxBar is the longest bar of a broker's sessions, in characters.
	maxBar = 40
	// togetherFor is how long events of a kind may be apart to be one line.
	togetherFor = 2 * time.Second
)

// isCrowd reports whether columns with room for rows clients show too few of them.
func isCrowd(v view, rows int) bool {
	if rows >= leastRows {
		return false
	}
	for i := range v.nodes {
		if len(v.nodes[i].clients) > rows {
			return true
		}
	}
	return false
}

// crowd lays out one line for each node, with a bar for its sessions, and one for all.
func (s *screen) crowd(v view) []string {
	const row = "%-3s%-10s  %-18s  %8v  %-*s  %5v  %8v"
	bar := max(min(s.width-len(fmt.Sprintf(row, "", "", "", "", 0, "", "", "")), maxBar), 0)
	out := []string{s.cell(fmt.Sprintf(row, "", "broker", "state", "sessions", bar, "", "away", "messages"), s.width, faint)}
	most := 1
	for i := range v.nodes {
		most = max(most, v.nodes[i].online())
	}
	clients, online, away := 0, 0, 0
	for i := range v.nodes {
		n := &v.nodes[i]
		here, guests := n.online(), n.guests()
		clients, online, away = clients+len(n.clients), online+here, away+guests
		length := (here*bar + most - 1) / most
		marks := strings.Repeat("~", guests*length/max(here, 1))
		marks = strings.Repeat("#", length-len(marks)) + marks
		state, look := n.state()
		if look == good {
			look = plainText
		}
		out = append(out, s.cell(fmt.Sprintf(row, fmt.Sprint(i+1), n.name, state, here, bar, marks, guests, n.messages), s.width, look))
	}
	return append(out, s.cell(fmt.Sprintf("   %d of %s online, %d of them away from home (~)", online, count(clients, "client"), away), s.width, plainText))
}

// guests returns how many connected clients of the node have another home.
func (n *nodeView) guests() (count int) {
	for _, c := range n.clients {
		if c.online && c.home != "" && c.home != n.name {
			count++
		}
	}
	return count
}

// group is one or more events of a kind.
type group struct {
	event // the last one
	count int
}

// together groups events of a kind that have come close to each other, in the order of the last of each group.
func together(events []event) []group {
	var all []group
	for _, e := range events {
		one := group{e, 1}
		for i := len(all) - 1; i >= 0 && e.at.Sub(all[i].at) < togetherFor; i-- {
			if g := all[i]; g.kind == e.kind && g.from == e.from && e.client != "" {
				one.count += g.count
				all = append(all[:i], all[i+1:]...)
				break
			}
		}
		all = append(all, one)
	}
	return all
}

// String describes the group as its event, or without the names of the clients if they are several.
func (g group) String() string {
	if g.count == 1 {
		return g.event.String()
	}
	clients := count(g.count, "client")
	switch g.kind {
	case joined:
		return clients + " joined"
	case moved:
		if g.fromKilled {
			return fmt.Sprintf("%s moved from %s: it was killed", clients, g.from)
		}
		return fmt.Sprintf("%s moved from %s", clients, g.from)
	case cameHome:
		return fmt.Sprintf("%s came home from %s", clients, g.from)
	default:
		return clients + " left"
	}
}
