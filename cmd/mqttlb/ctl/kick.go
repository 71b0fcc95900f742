package ctl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func kickCommand(c *connection) *cobra.Command {
	var kick api.Kick
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use:   "kick",
		Short: "close sessions: those of a client, a node, an address",
		Long: `Close the sessions that fulfil all of the flags, at a pace. Clients of MQTT 5
are told the reason code. They may connect again.

On a terminal, more than one session is closed only after a yes. The command
ends when all have been told to leave; its end by control-C ends the kick.`,
		Example: `  mqttlb ctl kick --client-id sensor-17
  mqttlb ctl kick --node emqx-1 --pace 50/s --reason-code use-another-server
  mqttlb ctl kick --all --pace 20/s --yes`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := checkFilter(cmd.Flags(), &kick.SessionFilter)
			if err == nil {
				err = notEmpty(cmd.Flags(), "pace", "reason-code")
			}
			if err != nil {
				return err
			}
			if kick.ReasonCode, err = parseReasonCode(reason); err != nil {
				return err
			}
			switch filtered := kick.SessionFilter != (api.SessionFilter{}); {
			case filtered && kick.All:
				return cli.Usagef("--all excludes the flags that name sessions")
			case !filtered && !kick.All:
				return cli.Usagef("name the sessions with the flags, or all of them with --all")
			}
			if !yes && terminal.Is(cmd.InOrStdin()) {
				sure, err := confirmKick(cmd, c, &kick)
				if err != nil || !sure {
					return err
				}
			}
			return show(cmd, c, request{method: http.MethodPost, path: "/api/v1/sessions/kick", body: kick, slow: true}, func(k api.Kicked) error {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s told to leave\n", count(k.Kicked, "session"))
				return err
			})
		},
	}
	defineFilter(c, cmd, &kick.SessionFilter)
	flags := cmd.Flags()
	flags.BoolVar(&kick.All, "all", false, "close all sessions")
	flags.StringVar(&kick.Pace, "pace", "", "close at this `PACE`, as 50/s or 300/m (default 100/s)")
	flags.StringVar(&reason, "reason-code", "", "the `CODE` for MQTT 5 clients, as 0x9c, 156 or use-another-server (default administrative-action)")
	flags.BoolVarP(&yes, "yes", "y", false, "do not ask")
	complete(cmd, "reason-code", cobra.FixedCompletions(reasonNames(), cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "pace", cobra.NoFileCompletions)
	return cmd
}

// confirmKick says how many sessions the kick would close, and asks if it is more than
// one.
func confirmKick(cmd *cobra.Command, c *connection, kick *api.Kick) (bool, error) {
	client, err := c.client()
	if err != nil {
		return false, err
	}
	a, err := client.ask(cmd.Context(), sessionsRequest(&kick.SessionFilter, "age", 1))
	if err != nil {
		return false, err
	}
	var sessions api.Sessions
	if err := a.into(client, &sessions); err != nil {
		return false, err
	}
	if sessions.Total <= 1 {
		return true, nil
	}
	return confirm(cmd, fmt.Sprintf("close %s?", count(sessions.Total, "session")))
}

// confirm asks a question on the terminal, and reports whether the answer is yes.
func confirm(cmd *cobra.Command, question string) (bool, error) {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	line, err := readLine(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr())
		return false, errors.New("there was no answer, so nothing was done")
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	default:
		fmt.Fprintln(cmd.ErrOrStderr(), "nothing was done")
		return false, cli.ErrFailed
	}
}

// readLine reads a line. A read from a terminal may wait for long, so it ends with ctx.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	results := make(chan result, 1)
	go func() { // ends with its read, or with the process
		line, err := bufio.NewReader(in).ReadString('\n')
		results <- result{line, err}
	}()
	select {
	case r := <-results:
		return r.line, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
