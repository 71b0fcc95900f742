package ctl

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// maxSessions is the highest limit that the API accepts.
const maxSessions = 10_000

// sessionOrders are the values of --sort.
var sessionOrders = []string{"age", "silent", "received", "sent", "rate", "client_id"}

func sessionsCommand(c *connection) *cobra.Command {
	var filter api.SessionFilter
	var order string
	var limit int
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "list sessions: all, or those of a client, a node, an address",
		Long: `List the sessions that fulfil all of the flags. A terminal gets the columns
that fit; --wide, or a pipe, has all of them.`,
		Example: `  mqttlb ctl sessions --client-id 'sensor-*' --node emqx-1
  mqttlb ctl sessions --address 10.1.0.0/16 --silent 10m --sort silent
  mqttlb ctl sessions --sort rate --limit 10`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch err := checkFilter(cmd.Flags(), &filter); {
			case err != nil:
				return err
			case limit < 1 || limit > maxSessions:
				return cli.Usagef("--limit %d: must be 1 to %d", limit, maxSessions)
			case !slices.Contains(sessionOrders, order):
				return cli.Usagef("--sort %q: must be one of %s", order, strings.Join(sessionOrders, ", "))
			}
			return show(cmd, c, sessionsRequest(&filter, order, limit), func(s api.Sessions) error {
				if s.Total == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "no sessions")
					return err
				}
				if len(s.Sessions) < s.Total {
					defer fmt.Fprintf(cmd.ErrOrStderr(), "%s of %s; --limit shows more\n", thousands(len(s.Sessions)), count(s.Total, "session"))
				}
				return printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(sessionTable(s.Sessions, order == "rate")))
			})
		},
	}
	defineFilter(c, cmd, &filter)
	cmd.Flags().StringVar(&order, "sort", "age", "the `ORDER`: age, silent, received, sent, rate (of packets; it is measured for a second) or client_id; the largest first")
	cmd.Flags().IntVar(&limit, "limit", 100, "list at most this `NUMBER` of sessions, 1 to 10000")
	complete(cmd, "sort", cobra.FixedCompletions(sessionOrders, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func sessionsRequest(f *api.SessionFilter, order string, limit int) request {
	query := filterQuery(f)
	query.Set("sort", order)
	query.Set("limit", strconv.Itoa(limit))
	return request{method: http.MethodGet, path: "/api/v1/sessions", query: query}
}

// sessionTable has a row for each session. rates says whether the sessions have rates.
func sessionTable(sessions []api.Session, rates bool) *table {
	t := &table{columns: []column{
		{title: "CLIENT ID", least: 20, middle: true}, {title: "USERNAME", least: 8, rank: 4},
		{title: "CLIENT", least: 15, rank: 1}, {title: "LISTENER", least: 8, rank: 3}, {title: "VIA", rank: 7}, {title: "VER", rank: 2},
		{title: "POOL", least: 6, rank: 6}, {title: "NODE", least: 8},
		{title: "AGE", right: true}, {title: "SILENT", right: true}, {title: "RECV", right: true}, {title: "SENT", right: true},
		{title: "ID", rank: 5},
	}}
	if rates {
		t.columns = slices.Insert(t.columns, 0, column{title: "PKT/S", right: true})
	}
	for _, s := range sessions {
		row := []cell{
			{text: terminal.Printable(s.ClientID)}, {text: orDash(s.Username)},
			{text: terminal.Printable(s.Client)}, {text: terminal.Printable(s.Listener)}, {text: transport(&s)}, {text: orDash(s.Version)},
			{text: orDash(s.Pool)}, sessionNode(&s),
			{text: span(s.Age)}, {text: span(s.Silent)}, {text: short(float64(s.BytesReceived))}, {text: short(float64(s.BytesSent))},
			{text: terminal.Printable(s.ID)},
		}
		if rates {
			row = slices.Insert(row, 0, cell{text: rate(s.PacketsPerSec)})
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// sessionNode is the node of a session, and its state if that is not connected.
func sessionNode(s *api.Session) cell {
	switch {
	case s.State == "connected" || s.State == "":
		return cell{text: orDash(s.Node)}
	case s.Node == "":
		return cell{"(" + terminal.Printable(s.State) + ")", notice}
	default:
		return cell{terminal.Printable(s.Node) + " (" + terminal.Printable(s.State) + ")", notice}
	}
}

// transport is the protocol between client and listener: mqtt, mqtts, ws or wss.
func transport(s *api.Session) string {
	name := "mqtt"
	if s.WebSocket {
		name = "ws"
	}
	if s.TLS {
		name += "s"
	}
	return name
}
