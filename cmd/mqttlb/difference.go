package main

import "mqttlb/config"

// change is one difference between two configurations, as the API has it.
type change struct {
	Action string `json:"action"`           // added, removed or changed
	Name   string `json:"name"`             // the path of the setting, as pools[emqx].nodes[n1].weight
	Before string `json:"before,omitempty"` // as a file has it
	After  string `json:"after,omitempty"`
}

// differences are what after has otherwise than before.
func differences(before, after *config.Config) []change {
	all := []change{}
	for _, c := range config.Diff(before, after) {
		all = append(all, change{Action: string(c.Kind), Name: c.Path, Before: c.Before, After: c.After})
	}
	return all
}
