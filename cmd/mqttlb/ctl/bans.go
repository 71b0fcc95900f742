package ctl

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func bansCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "bans",
		Short: "list the client addresses that are banned",
		Long:  "List the client addresses that are banned, for how much longer, and why.",
		Args:  cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd, c, request{method: http.MethodGet, path: "/api/v1/bans"}, func(bans api.Bans) error {
				if bans.Total == 0 {
					_, err := fmt.Fprintln(cmd.OutOrStdout(), "no address is banned")
					return err
				}
				if err := printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(banTable(bans.Bans))); err != nil || bans.Total == len(bans.Bans) {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s of %s\n", thousands(len(bans.Bans)), count(bans.Total, "ban"))
				return err
			})
		},
	}
}

func banTable(bans []api.Ban) *table {
	t := &table{columns: []column{{title: "ADDRESS", least: 15}, {title: "ENDS IN", right: true}, {title: "REFUSED", right: true}, {title: "CAUSE", least: 10}}}
	for _, b := range bans {
		t.add(terminal.Printable(b.Address), span(b.Remaining), thousands(b.Refused), terminal.Printable(b.Cause))
	}
	return t
}

func banCommand(c *connection) *cobra.Command {
	var ban api.BanRequest
	cmd := &cobra.Command{
		Use:   "ban ADDRESS",
		Short: "close the new connections of a client address for a while",
		Long: `Close the new connections of a client address for a while, before TLS. An
address of IPv6 stands for its network of 64 bits. Open sessions stay: see kick.
The ban holds over reloads. Trusted proxies and bans.exempt cannot be banned.`,
		Example: "  mqttlb ctl ban 203.0.113.7 --for 1h\n  mqttlb ctl kick --address 203.0.113.7",
		Args:    cli.Args("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := notEmpty(cmd.Flags(), "for"); err != nil {
				return err
			}
			ban.Address = args[0]
			return show(cmd, c, request{method: http.MethodPost, path: "/api/v1/bans", body: ban}, func(b api.Ban) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is banned for %s\n", terminal.Printable(b.Address), span(b.Remaining))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&ban.Time, "for", "", "how long, a `DURATION` as 10m, up to 168h (default bans.time)")
	complete(cmd, "for", cobra.NoFileCompletions)
	return cmd
}

func unbanCommand(c *connection) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "unban ADDRESS | --all",
		Short:   "end the ban of a client address, or all bans",
		Long:    "End the ban of a client address, or all bans. Refusals count anew.",
		Example: "  mqttlb ctl unban 203.0.113.7\n  mqttlb ctl unban 2001:db8:0:1::/64\n  mqttlb ctl unban --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return cli.Args()(cmd, args)
			}
			return cli.Args("ADDRESS")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			unban := api.UnbanRequest{All: all}
			if !all {
				unban.Address = args[0]
			}
			return show(cmd, c, request{method: http.MethodPost, path: "/api/v1/bans/lift", body: unban}, func(u api.Unbanned) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s ended\n", count(u.Lifted, "ban"))
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end all bans")
	return cmd
}
