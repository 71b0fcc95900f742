package ctl

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func routeCommand(c *connection) *cobra.Command {
	var persistent bool
	said := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "route CLIENT_ID",
		Short: "explain which node a client identifier gets, and why",
		Long: `Explain which node a client with this identifier would get now, for each
listener: the nodes in the order in which they are tried, and why. Where a
listener has routes, it says which of them takes the client. What is not said
of the client leaves routes undecided: then all ways are shown that it may
take, each with the flags that decide.`,
		Example: "  mqttlb ctl route sensor-17\n  mqttlb ctl route sensor-17 --sni tenant-a.example.com\n" +
			"  mqttlb ctl route sensor-17 --listener mqtts --username acme/17 --version 5",
		Args:              cli.Args("CLIENT_ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := request{method: http.MethodGet, path: "/api/v1/route", query: url.Values{"client_id": args}}
			if persistent {
				r.query.Set("persistent", "true")
			}
			for name, value := range said {
				if cmd.Flags().Changed(name) {
					r.query.Set(name, *value)
				}
			}
			return show(cmd, c, r, func(route api.Route) error {
				p := c.pageOf(cmd)
				lines := ruleLines(&route, p)
				if len(route.Routes) == 0 {
					lines = append(lines, "no listener takes sessions of such a client")
				}
				for i := range route.Routes {
					if i > 0 {
						lines = append(lines, "")
					}
					lines = append(lines, routeLines(&route.Routes[i], p)...)
				}
				return printLines(cmd.OutOrStdout(), lines)
			})
		},
	}
	for _, flag := range []struct{ name, usage string }{
		{"listener", "through the listener `NAME` alone"},
		{"sni", "the `NAME` that the client asks for in TLS; an empty one is none"},
		{"username", "its user `NAME`; an empty one is none"},
		{"version", "its `VERSION` of MQTT: 3.1, 3.1.1 or 5"},
		{"address", "its IP `ADDRESS`, or unix"},
		{"host", "the `HOST` of its upgrade to WebSocket"},
		{"path", "the `PATH` of its upgrade to WebSocket"},
	} {
		said[flag.name] = cmd.Flags().String(flag.name, "", flag.usage)
	}
	cmd.Flags().BoolVar(&persistent, "persistent", false, "the client has a persistent session, which keeps it on its node whatever the load")
	return cmd
}

// routeLines lays out the way to a pool.
func routeLines(r *api.ListenerRoute, p page) []string {
	names := make([]string, len(r.Listeners))
	for i, name := range r.Listeners {
		names[i] = terminal.Printable(name)
	}
	how := terminal.Printable(r.Algorithm)
	if r.HashKey != "" {
		how += " of " + terminal.Printable(r.HashKey)
	}
	if r.Key != "" {
		how += " " + terminal.Printable(r.Key)
	}
	lines := []string{p.paint(bold, strings.Join(names, ", ")+" to pool "+terminal.Printable(r.Pool)) + ", by " + how}
	for i := range r.Ways {
		if w := &r.Ways[i]; w.Routed {
			lines = append(lines, wayLine(w, p))
		}
	}
	if r.Note != "" {
		lines = append(lines, p.paint(notice, "note: "+terminal.Printable(r.Note)))
	}
	t := &table{columns: []column{
		{title: ""}, {title: "NODE", least: 10}, {title: "STATE"}, {title: "WEIGHT", right: true}, {title: "SESSIONS", right: true}, {title: "WHY", least: 10},
	}}
	for _, n := range r.Candidates {
		sessions, mark, look := thousands(n.Connections), "", plain
		if n.MaxConnections > 0 {
			sessions += "/" + thousands(n.MaxConnections)
		}
		if n.Chosen {
			mark, look = ">", good
		}
		t.rows = append(t.rows, []cell{
			{mark, look}, {terminal.Printable(n.Node), look}, {text: terminal.Printable(n.State)}, {text: thousands(n.Weight)}, {text: sessions}, {text: terminal.Printable(n.Why)},
		})
	}
	return append(lines, p.table(t)...)
}
