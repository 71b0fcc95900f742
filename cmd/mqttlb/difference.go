package main

import (
	"mqttlb/config"
	"mqttlb/proxy/admin/api"
)

// differences returns the differences between two configurations; never nil.
func differences(before, after *config.Config) []api.Change {
	all := []api.Change{}
	for _, c := range config.Diff(before, after) {
		all = append(all, api.Change{Action: string(c.Kind), Name: c.Path, Before: c.Before, After: c.After})
	}
	return all
}
