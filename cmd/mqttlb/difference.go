package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"mqttlb/config"
)

// Actions of a change.
const (
	added   = "added"
	removed = "removed"
	changed = "changed"
)

// change is one difference between two configurations.
type change struct {
	Action string `json:"action"`           // added, removed or changed
	Name   string `json:"name"`             // of what has changed, as listener "mqtt"
	Before string `json:"before,omitempty"` // its value, where it has one
	After  string `json:"after,omitempty"`
}

// differences are the names of what two configurations do not have in common. It
// stands for config.Diff, which has every setting and its values.
func differences(before, after *config.Config) []change {
	was, is := parts(before), parts(after)
	var all []change
	for _, p := range was.names {
		switch now, ok := is.values[p]; {
		case !ok:
			all = append(all, change{Action: removed, Name: p})
		case !bytes.Equal(now, was.values[p]):
			all = append(all, change{Action: changed, Name: p})
		}
	}
	for _, p := range is.names {
		if _, ok := was.values[p]; !ok {
			all = append(all, change{Action: added, Name: p})
		}
	}
	return all
}

// namedParts are the parts of a configuration by their names.
type namedParts struct {
	names  []string
	values map[string][]byte
}

func parts(c *config.Config) namedParts {
	p := namedParts{values: map[string][]byte{}}
	add := func(name string, v any) {
		p.names = append(p.names, name)
		p.values[name], _ = json.Marshal(v) // plain data
	}
	for _, l := range c.Listeners {
		add(fmt.Sprintf("listener %q", l.Name), l)
	}
	for _, pool := range c.Pools {
		for _, n := range pool.Nodes {
			add(fmt.Sprintf("node %q of pool %q", n.Name, pool.Name), n)
		}
		pool.Nodes = nil
		add(fmt.Sprintf("pool %q", pool.Name), pool)
	}
	add("limits", c.Limits)
	add("timeouts", c.Timeouts)
	add("admin", c.Admin)
	add("log", c.Log)
	return p
}
