package main

import "mqttlb/config"

// change is one difference between two configurations, in the form of the API.
type change struct {
	Action string `json:"action"`           // added, removed or changed
	Name   string `json:"name"`             // the path of the setting, as pools[emqx].nodes[n1].weight
	Before string `json:"before,omitempty"` // spelled as in a file
	After  string `json:"after,omitempty"`
}

// differences returns the differences between two configurations; never nil.
func differences(before, after *config.Config) []change {
	all := []change{}
	for _, c := range config.Diff(before, after) {
		all = append(all, change{Action: string(c.Kind), Name: c.Path, Before: c.Before, After: c.After})
	}
	return all
}
