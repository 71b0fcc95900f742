package ctl

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

// logPath is where the settings of the log are read and changed.
const logPath = "/api/v1/log"

func logLevelCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "show or set the level of the log",
		Long: `Set the level of the log: debug, info, warn or error. It holds until the next
reload that changes log.level, or the end of the process. Without LEVEL, show it.`,
		Example:   "  mqttlb ctl log-level debug",
		Args:      cli.Args("[LEVEL"),
		ValidArgs: []string{"debug", "info", "warn", "error"},
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, c, logRequest(args, func(level string) api.Log { return api.Log{Level: level} }), func(log api.Log) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), terminal.Printable(log.Level))
				return err
			})
		},
	}
}

func logFieldsCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "log-fields [FIELD,...]",
		Short: "show or set the fields of the session lines in the log",
		Long: `Set the fields of the session lines in the log. They hold until the next reload
that changes log.fields, or the end of the process. Without fields, show them.`,
		Example:           "  mqttlb ctl log-fields client_id,node,outcome",
		Args:              cli.Args("[FIELD,..."),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd, c, logRequest(args, func(fields string) api.Log { return api.Log{Fields: strings.Split(fields, ",")} }), func(log api.Log) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), terminal.PrintableLines(strings.Join(log.Fields, ",")))
				return err
			})
		},
	}
}

// logRequest asks for the settings of the log, or changes the one that args has.
func logRequest(args []string, change func(string) api.Log) request {
	if len(args) == 0 {
		return request{method: http.MethodGet, path: logPath}
	}
	return request{method: http.MethodPost, path: logPath, body: change(args[0])}
}

func stopCommand(c *connection) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "stop the process, as SIGTERM does",
		Long: `Stop the process, as SIGTERM does: it accepts no more clients, and its sessions
end within timeouts.shutdown. On a terminal it is done only after a yes.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && terminal.Is(cmd.InOrStdin()) {
				client, err := c.client()
				if err != nil {
					return err
				}
				status, err := get[api.Status](cmd, client, "/api/v1/status")
				if err != nil {
					return err
				}
				sure, err := confirm(cmd, fmt.Sprintf("stop mqttlb, pid %d, with %s?", status.PID, count(status.Sessions, "session")))
				if err != nil || !sure {
					return err
				}
			}
			return show(cmd, c, request{method: http.MethodPost, path: "/api/v1/stop"}, func(struct{}) error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "mqttlb stops; its sessions end within timeouts.shutdown")
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
