package main

import (
	"mqttlb/config"
	"mqttlb/proxy/admin/api"
)

// The JSON of reloads, by the names that the commands use.
type (
	change      = api.Change
	diffRequest = api.DiffRequest
	diffResult  = api.Diff
)

// differences returns the differences between two configurations; never nil.
func differences(before, after *config.Config) []change {
	all := []change{}
	for _, c := range config.Diff(before, after) {
		all = append(all, change{Action: string(c.Kind), Name: c.Path, Before: c.Before, After: c.After})
	}
	return all
}
