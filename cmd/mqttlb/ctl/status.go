package ctl

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// watchInterval is how often --watch looks.
const watchInterval = 2 * time.Second

func statusCommand(c *connection) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the process, its traffic, listeners, pools and nodes",
		Long: `Show the process, its alarms, traffic, pools with their nodes, and listeners.

With --watch, look every two seconds, and show the traffic per second; q ends
it. Without a terminal, print one status after the other.`,
		Example: "  mqttlb ctl status --watch",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case c.json:
				return statusJSON(cmd, c, watch)
			case watch:
				var before *snapshot
				return c.live(cmd, watchInterval, func(client *client, p page, _ int) ([]string, error) {
					now, err := takeSnapshot(cmd, client)
					if err != nil {
						return nil, err
					}
					lines := now.lines(before, p)
					before = now
					return lines, nil
				})
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			now, err := takeSnapshot(cmd, client)
			if err != nil {
				return err
			}
			return printLines(cmd.OutOrStdout(), now.lines(nil, c.pageOf(cmd)))
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "look every two seconds")
	return cmd
}

// statusJSON prints the status once, or every watchInterval.
func statusJSON(cmd *cobra.Command, c *connection, watch bool) error {
	for {
		err := show(cmd, c, request{method: http.MethodGet, path: "/api/v1/status"}, func(api.Status) error { return nil })
		if err != nil || !watch {
			return err
		}
		select {
		case <-time.After(watchInterval):
		case <-cmd.Context().Done():
			return nil
		}
	}
}

// snapshot is what status shows, as of one time.
type snapshot struct {
	at     time.Time
	status api.Status
	nodes  api.Nodes
	alarms api.Alarms
}

func takeSnapshot(cmd *cobra.Command, client *client) (*snapshot, error) {
	s := &snapshot{at: time.Now()}
	var err error
	if s.status, err = get[api.Status](cmd, client, "/api/v1/status"); err != nil {
		return nil, err
	}
	if s.nodes, err = get[api.Nodes](cmd, client, "/api/v1/nodes"); err != nil {
		return nil, err
	}
	if s.status.Alarms > 0 {
		s.alarms, err = get[api.Alarms](cmd, client, "/api/v1/alarms")
	}
	return s, err
}

// lines lays the snapshot out, the most important first. before is the one that the
// rates are counted from; nil: there is none.
func (s *snapshot) lines(before *snapshot, p page) []string {
	lines := s.head(p)
	for _, a := range s.alarms.Alarms {
		lines = append(lines, p.paint(bad, alarmLine(a, s.at)))
	}
	lines = append(append(lines, ""), p.table(s.traffic(before))...)
	lines = append(append(lines, ""), p.table(s.pools())...)
	return append(append(lines, ""), p.table(s.listeners())...)
}

// head is the lines about the process.
func (s *snapshot) head(p page) []string {
	st := &s.status
	state, look := strings.ReplaceAll(string(st.State), "_", " "), good
	if st.Ready {
		state += ", ready"
	} else {
		state, look = state+", not ready", bad
	}
	first := fmt.Sprintf("mqttlb %s, pid %d, up %s: ", terminal.Printable(st.Version), st.PID, since(&st.Started, s.at))
	lines := []string{p.paint(bold, first) + p.paint(look, terminal.Printable(state))}
	for _, why := range st.NotReady {
		lines = append(lines, p.paint(bad, "not ready: "+terminal.Printable(why)))
	}
	lines = append(lines, p.paint(plain, fmt.Sprintf("%s of %s on %s, generation %d of the configuration",
		count(st.Sessions, "session"), thousands(st.MaxSessions), count(st.Loops, "loop"), st.Generation)))
	if st.ReloadFailed {
		lines = append(lines, p.paint(bad, "a newer configuration could not be used: mqttlb ctl config says why"))
	}
	return lines
}

// traffic is the totals, and what they have grown by in a second.
func (s *snapshot) traffic(before *snapshot) *table {
	t := &table{columns: []column{
		{title: "TRAFFIC"}, {title: "ACCEPTED", right: true}, {title: "REFUSED", right: true},
		{title: "PACKETS IN", right: true}, {title: "OUT", right: true}, {title: "BYTES IN", right: true}, {title: "OUT", right: true},
	}}
	n := &s.status.Totals
	t.add("total", thousands(n.Accepted), thousands(n.Refused), short(float64(n.PacketsReceived)), short(float64(n.PacketsSent)),
		short(float64(n.BytesReceived)), short(float64(n.BytesSent)))
	if before == nil || before.status.PID != s.status.PID || !before.status.Started.Equal(s.status.Started) {
		return t
	}
	b, seconds := &before.status.Totals, max(s.at.Sub(before.at).Seconds(), 0.001)
	per := func(now, before uint64) string { return rate(float64(now-min(before, now)) / seconds) }
	t.add("per second", per(n.Accepted, b.Accepted), per(n.Refused, b.Refused), per(n.PacketsReceived, b.PacketsReceived),
		per(n.PacketsSent, b.PacketsSent), per(n.BytesReceived, b.BytesReceived), per(n.BytesSent, b.BytesSent))
	return t
}

func (s *snapshot) listeners() *table {
	t := &table{columns: []column{
		{title: "LISTENER", least: 8}, {title: "ADDRESS", least: 14}, {title: "PROTOCOL"}, {title: "POOL", least: 8},
		{title: "OPEN", right: true}, {title: "ACCEPTED", right: true}, {title: "REFUSED", right: true},
	}}
	for _, l := range s.status.Listeners {
		protocol := terminal.Printable(l.Protocol)
		if l.TLS {
			protocol += ", TLS"
		}
		t.add(terminal.Printable(l.Name), terminal.Printable(l.Address), protocol, orDash(l.Pool),
			thousands(l.Open), thousands(l.Accepted), thousands(l.Refused))
	}
	return t
}

// orDash returns printable text, or a dash if there is none.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return terminal.Printable(s)
}
