package ctl

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// topHead is how many lines are above the sessions.
const topHead = 3

// topInterval is the time between two looks of top, each of which takes a second.
const topInterval = time.Second

func topCommand(c *connection) *cobra.Command {
	var once bool
	var filter api.SessionFilter
	var limit int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "show the sessions with the most packets per second, live",
		Long: `Show the sessions with the most packets per second, in both directions, and go
on until q. With --once, or without a terminal, print them once.`,
		Example: "  mqttlb ctl top --node emqx-1",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFilter(cmd.Flags(), &filter); err != nil {
				return err
			}
			if limit < 1 || limit > maxSessions {
				return cli.Usagef("--limit %d: must be 1 to %d", limit, maxSessions)
			}
			if once || c.json || !terminal.CanRedraw(cmd.OutOrStdout()) {
				return show(cmd, c, sessionsRequest(&filter, "rate", limit), func(s api.Sessions) error {
					return printLines(cmd.OutOrStdout(), topLines(&s, c.pageOf(cmd)))
				})
			}
			return c.live(cmd, topInterval, func(client *client, p page, height int) ([]string, error) {
				a, err := client.ask(cmd.Context(), sessionsRequest(&filter, "rate", min(max(height-topHead, 1), limit)))
				if err != nil {
					return nil, err
				}
				var s api.Sessions
				if err := a.into(client, &s); err != nil {
					return nil, err
				}
				return topLines(&s, p), nil
			})
		},
	}
	defineFilter(c, cmd, &filter)
	cmd.Flags().BoolVar(&once, "once", false, "print the sessions once")
	cmd.Flags().IntVar(&limit, "limit", 100, "show at most this `NUMBER` of sessions, 1 to 10000")
	return cmd
}

// topLines lays out the sessions by their rate.
func topLines(s *api.Sessions, p page) []string {
	var sum float64
	for i := range s.Sessions {
		sum += s.Sessions[i].PacketsPerSec
	}
	head := fmt.Sprintf("%s; the %s shown have %s packets/s", count(s.Total, "session"), thousands(len(s.Sessions)), rate(sum))
	return append([]string{p.paint(bold, head), ""}, p.table(sessionTable(s.Sessions, true))...)
}
