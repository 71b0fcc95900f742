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

func configCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "print the configuration in force, without its secrets",
		Long: `Print the configuration in force, as one file and without its secrets. If a
newer file could not be used, its errors go to stderr.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, c, request{method: http.MethodGet, path: "/api/v1/config"}, func(config api.Config) error {
				for _, line := range config.Errors {
					fmt.Fprintln(cmd.ErrOrStderr(), terminal.PrintableLines(line))
				}
				from := "of flags"
				if config.File != "" {
					from = "of " + terminal.Printable(config.File)
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "# generation %d, %s, read at %s\n%s\n", config.Generation, from,
					config.Read.Local().Format(time.DateTime), terminal.PrintableLines(strings.TrimSuffix(config.Config, "\n")))
				return err
			})
		},
	}
}
