package ctl

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func rulesCommand(c *connection) *cobra.Command {
	var listener string
	var matched bool
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "list the rules, and how often each has decided",
		Long:    "List the rules of listeners in their order, and about how many clients and\nrequests each has decided. The rules of all listeners count on each of them.",
		Example: "  mqttlb ctl rules --matched\n  mqttlb ctl rules --listener mqtts",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := request{method: http.MethodGet, path: "/api/v1/rules", query: url.Values{}}
			if listener != "" {
				r.query.Set("listener", listener)
			}
			if matched {
				r.query.Set("matched", "true")
			}
			return show(cmd, c, r, func(rules api.Rules) error {
				if len(rules.Rules) == 0 {
					none := "no rules"
					if matched {
						none = "no rule has decided about anybody"
					}
					_, err := fmt.Fprintln(cmd.OutOrStdout(), none)
					return err
				}
				t := &table{columns: []column{{title: "LISTENER", least: 8}, {title: "RULE", least: 10}, {title: "ACTION"}, {title: "MATCHED", right: true}}}
				for _, rule := range rules.Rules {
					t.add(terminal.Printable(rule.Listener), terminal.Printable(rule.Rule), terminal.Printable(rule.Action), thousands(rule.Matched))
				}
				return printLines(cmd.OutOrStdout(), c.pageOf(cmd).table(t))
			})
		},
	}
	cmd.Flags().StringVar(&listener, "listener", "", "those of this `LISTENER`")
	cmd.Flags().BoolVar(&matched, "matched", false, "leave out those that have decided about nobody")
	_ = cmd.RegisterFlagCompletionFunc("listener", c.listenerNames)
	return cmd
}
