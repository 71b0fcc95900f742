// Package ctl is the commands that ask a running mqttlb over its admin API, and print
// the answers for people, or as they are with --json.
package ctl

import (
	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
)

// Command is `mqttlb ctl`. sockets returns the default paths of the admin socket, the
// preferred one first.
func Command(sockets func() []string) *cobra.Command {
	c := &connection{sockets: sockets}
	cmd := cli.Group(&cobra.Command{
		Use:   "ctl",
		Short: "look at the running mqttlb, and change it",
		Long: `Look at the running mqttlb, and change it, over its admin API.

Without flags, the process is found by its admin socket in the runtime
directory. --address and --token-file reach one on another machine.

Exit codes: 0 done, 1 failed or refused, 2 a wrong command line.`,
		Example: `  mqttlb ctl status --watch
  mqttlb ctl drain emqx-1 --within 10m --wait
  mqttlb ctl sessions --client-id 'sensor-*' --sort silent
  mqttlb ctl --address https://lb-2:9090 --token-file token status`,
	})
	c.define(cmd.PersistentFlags())
	cmd.PersistentFlags().BoolVar(&c.wide, "wide", false, "print all columns, and do not cut them to the terminal")
	const look, sessions, nodes, process = "look", "sessions", "nodes", "process"
	cmd.AddGroup(&cobra.Group{ID: look, Title: "look"}, &cobra.Group{ID: sessions, Title: "sessions"},
		&cobra.Group{ID: nodes, Title: "nodes"}, &cobra.Group{ID: process, Title: "process"})
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			cmd.AddCommand(command)
		}
	}
	add(look, statusCommand(c), nodesCommand(c), topCommand(c), rulesCommand(c), alarmsCommand(c), eventsCommand(c), configCommand(c))
	add(sessions, sessionsCommand(c), kickCommand(c), routeCommand(c), bansCommand(c), banCommand(c), unbanCommand(c))
	add(nodes, drainCommand(c), undrainCommand(c), disableCommand(c), enableCommand(c), weightCommand(c))
	add(process, reloadCommand(c), logLevelCommand(c), logFieldsCommand(c), stopCommand(c))
	return cmd
}

// ReloadCommand is `mqttlb reload`, the same as `mqttlb ctl reload`.
func ReloadCommand(sockets func() []string) *cobra.Command {
	c := &connection{sockets: sockets}
	cmd := reloadCommand(c)
	c.define(cmd.Flags())
	return cmd
}
