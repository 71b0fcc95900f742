package ctl

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/balancer"
	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func drainCommand(c *connection) *cobra.Command {
	return leaveCommand(c, &cobra.Command{
		Use:   "drain NODE",
		Short: "give a node no new sessions; at a pace, have its sessions leave",
		Long: `Give a node no new sessions, in all its pools. With --pace or --within, its
sessions leave for other nodes, evenly spread; otherwise they stay until they
end by themselves. A second drain replaces the first; undrain cancels it.`,
		Example: "  mqttlb ctl drain emqx-1 --within 10m --wait\n  mqttlb ctl drain emqx-1 --pace 50/s",
	}, "drain")
}

func disableCommand(c *connection) *cobra.Command {
	return leaveCommand(c, &cobra.Command{
		Use:   "disable NODE",
		Short: "give a node no new sessions, and have its sessions leave",
		Long: `Give a node no new sessions, in all its pools, and have its sessions leave at
a pace. enable undoes it.`,
		Example: "  mqttlb ctl disable emqx-1 --pace 50/s --wait",
	}, "disable")
}

// leaveCommand completes a command after which the sessions of a node leave.
func leaveCommand(c *connection, cmd *cobra.Command, verb string) *cobra.Command {
	var change api.NodeChange
	var wait bool
	cmd.Args = cli.Args("NODE")
	cmd.ValidArgsFunction = c.completeNode
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := notEmpty(cmd.Flags(), "pace", "within"); err != nil {
			return err
		}
		if change.Pace != "" && change.Within != "" {
			return cli.Usagef("--pace excludes --within")
		}
		if wait {
			return changeAndWait(cmd, c, args[0], verb, change)
		}
		return changeNode(cmd, c, args[0], verb, change)
	}
	flags := cmd.Flags()
	flags.StringVar(&change.Pace, "pace", "", "the sessions leave at this `PACE`, as 50/s or 300/m")
	flags.StringVar(&change.Within, "within", "", "the sessions leave within this `DURATION`, as 10m")
	flags.BoolVar(&wait, "wait", false, "show the progress, and end when the last session has left")
	complete(cmd, "pace", cobra.NoFileCompletions)
	complete(cmd, "within", cobra.NoFileCompletions)
	return cmd
}

func undrainCommand(c *connection) *cobra.Command {
	return wordCommand(c, "undrain", "give a node new sessions again, and cancel its drain", "drain")
}

func enableCommand(c *connection) *cobra.Command {
	return wordCommand(c, "enable", "give a node new sessions again", "disable")
}

// wordCommand is a command that takes back what the command undoes has done.
func wordCommand(c *connection, verb, short, undoes string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " NODE",
		Short: short,
		Long: `Give a node new sessions again, in all its pools: undo ` + undoes + `. Sessions that have
not been told to leave yet stay. Clients that have left come back when they next
connect.`,
		Args:              cli.Args("NODE"),
		ValidArgsFunction: c.completeNode,
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeNode(cmd, c, args[0], verb, api.NodeChange{})
		},
	}
}

func weightCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "weight NODE N|reset",
		Short: "set the weight of a node at run time",
		Long: `Set the weight of a node in all its pools, 1 to 256, in place of the configured
ones. It holds over reloads; reset takes it back. It moves no sessions: it holds
for those that begin.`,
		Example: "  mqttlb ctl weight emqx-1 50\n  mqttlb ctl weight emqx-1 reset",
		Args:    cli.Args("NODE", "N|reset"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"reset"}, cobra.ShellCompDirectiveNoFileComp
			}
			return c.completeNode(cmd, args, prefix)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			weight := 0
			if args[1] != "reset" {
				var err error
				if weight, err = strconv.Atoi(args[1]); err != nil || weight < 1 || weight > balancer.MaxWeight {
					return cli.Usagef("the weight %q: must be 1 to %d, or reset", args[1], balancer.MaxWeight)
				}
			}
			return changeNode(cmd, c, args[0], "weight", api.NodeChange{Weight: &weight})
		},
	}
}

// nodeRequest is the request that changes a node.
func nodeRequest(name, verb string, change api.NodeChange) request {
	return request{method: http.MethodPost, path: "/api/v1/nodes/" + url.PathEscape(name) + "/" + verb, body: change}
}

// changeNode changes a node, and prints its new state.
func changeNode(cmd *cobra.Command, c *connection, name, verb string, change api.NodeChange) error {
	return show(cmd, c, nodeRequest(name, verb, change), func(n api.Node) error {
		printWarnings(cmd, n.Warnings)
		return printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(nodeTable([]api.Node{n}, time.Now())))
	})
}

// left is how many sessions are still on a node.
func left(n *api.Node) int64 {
	if n.Drain != nil {
		return n.Drain.Left
	}
	var sum int64
	for _, in := range n.Pools {
		sum += in.Connections
	}
	return sum
}

// progress says how far a node's sessions have left.
func progress(n *api.Node) string {
	name := terminal.Printable(n.Name)
	if n.Drain != nil {
		return name + ": " + drainText(n.Drain)
	}
	return fmt.Sprintf("%s: %s left, as they end", name, count(left(n), "session"))
}
