package ctl

import (
	"cmp"
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
	discovered := slices.ContainsFunc(nodes, func(n api.Node) bool {
		return slices.ContainsFunc(n.Pools, func(in api.NodeInPool) bool { return in.Source != "" })
	})
	if discovered { // otherwise nobody asks for the column
		t.columns = slices.Insert(t.columns, 6, column{title: "SOURCE", least: 10, rank: 3})
	}
	source := func(text string) []cell {
		if !discovered {
			return nil
		}
		return []cell{{text: terminal.Printable(cmp.Or(text, "-"))}}
	}
	for _, n := range nodes {
		name := terminal.Printable(n.Name)
		for _, in := range n.Pools {
			probe := "-"
			if in.ProbeSeconds > 0 {
				probe = time.Duration(in.ProbeSeconds * float64(time.Second)).Round(100 * time.Microsecond).String()
			}
			row := nodeRow(name, &n, &in, now)
			note := len(row) - 1
			more := slices.Concat([]cell{{text: terminal.Printable(in.Pool)}, {text: terminal.Printable(in.Address)}}, source(in.Source), []cell{{text: probe}})
			t.rows = append(t.rows, slices.Insert(row, note, more...))
		}
		if len(n.Pools) == 0 {
			t.add(name, terminal.Printable(string(n.Operator.State)), "", "", "-", "", "", "only the operator's word is left")
			last := &t.rows[len(t.rows)-1]
			*last = slices.Insert(*last, 6, source("")...)
		}
	}
	return t
}
