package ctl

import (
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func nodesCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "list the nodes, with state, weight, sessions and drain",
		Long:  "List the nodes of all pools, with their state, weight, sessions, and the progress\nof their drains.",
		Args:  cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, c, request{method: http.MethodGet, path: "/api/v1/nodes"}, func(nodes api.Nodes) error {
				return printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(nodeTable(nodes.Nodes, time.Now())))
			})
		},
	}
}

// nodeTable has a row for each node in each of its pools. The note comes last, as every text without a limit: into
// a pipe it is not cut.
func nodeTable(nodes []api.Node, now time.Time) *table {
	t := &table{columns: []column{
		{title: "NODE", least: 14, middle: true}, {title: "STATE", least: 9}, {title: "WEIGHT", right: true}, {title: "SESSIONS", right: true},
		{title: "POOL", least: 6}, {title: "ADDRESS", least: 14, rank: 2}, {title: "PROBE", right: true, rank: 1}, {title: "NOTE", least: 28},
	}}
	for _, n := range nodes {
		name := terminal.Printable(n.Name)
		for _, in := range n.Pools {
			probe := "-"
			if in.ProbeSeconds > 0 {
				probe = time.Duration(in.ProbeSeconds * float64(time.Second)).Round(100 * time.Microsecond).String()
			}
			row := nodeRow(name, &n, &in, now)
			note := len(row) - 1
			t.rows = append(t.rows, slices.Insert(row, note, cell{text: terminal.Printable(in.Pool)}, cell{text: terminal.Printable(in.Address)}, cell{text: probe}))
		}
		if len(n.Pools) == 0 {
			t.add(name, terminal.Printable(string(n.Operator.State)), "", "", "-", "", "", "only the operator's word is left")
		}
	}
	return t
}
