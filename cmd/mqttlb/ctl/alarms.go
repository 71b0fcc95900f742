package ctl

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func alarmsCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "alarms",
		Short: "list what is wrong now",
		Long:  "List what is wrong now, and since when.",
		Args:  cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, c, request{method: http.MethodGet, path: "/api/v1/alarms"}, func(alarms api.Alarms) error {
				if len(alarms.Alarms) == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "no alarms")
					return err
				}
				t := &table{columns: []column{{title: "ALARM"}, {title: "SUBJECT", least: 10}, {title: "SINCE", right: true}, {title: "TEXT", least: 20}}}
				for _, a := range alarms.Alarms {
					t.add(terminal.Printable(a.Name), terminal.Printable(cmp.Or(a.Subject, "-")), since(a.Since, time.Now()), terminal.Printable(a.Text))
				}
				return printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(t))
			})
		},
	}
}

// alarmLine is an alarm in one line.
func alarmLine(a api.Alarm, now time.Time) string {
	line := "alarm: " + terminal.Printable(a.Name)
	if a.Subject != "" {
		line += " " + terminal.Printable(a.Subject)
	}
	if ago := since(a.Since, now); ago != "" {
		line += " for " + ago
	}
	return line + ": " + terminal.Printable(a.Text)
}
