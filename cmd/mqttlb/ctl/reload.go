package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/proxy/admin/api"
)

func reloadCommand(c *connection) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "have the running mqttlb read its configuration again",
		Long: `Have the running mqttlb read its configuration again. Print what has changed,
or every error. After an error nothing was changed.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			a, err := client.ask(cmd.Context(), request{method: http.MethodPost, path: "/api/v1/reload"})
			if err != nil {
				return err
			}
			if c.json {
				return printJSON(cmd.OutOrStdout(), a)
			}
			return printReload(cmd, client, a)
		},
	}
}

// printReload prints what a reload has changed, or why it was refused.
func printReload(cmd *cobra.Command, client *client, a *answer) error {
	var result api.Reload
	if json.Unmarshal(a.body, &result) != nil || !a.ok() && len(result.Errors) == 0 {
		return a.into(client, &result)
	}
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	printWarnings(cmd, result.Warnings)
	if !a.ok() {
		fmt.Fprintln(stderr, a.refusal(client))
		fmt.Fprintln(stderr, "mqttlb reload: nothing was changed")
		return cli.ErrFailed
	}
	if err := printChanges(stdout, result.Changes); err != nil {
		return err
	}
	text := "generation %d is in force"
	if len(result.Changes) == 0 {
		text = "nothing has changed since generation %d"
	}
	_, err := fmt.Fprintf(stdout, "ok: "+text+"\n", result.Generation)
	return err
}

// Diff prints what a reload of the running mqttlb would change if file were its
// configuration, or every error in file. The running process reads the file, in its own
// environment and working directory. Without a socket, it is found as by [Command].
func Diff(ctx context.Context, sockets func() []string, socket, file string, stdout, stderr io.Writer) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	client, err := (&connection{sockets: sockets, socket: socket}).client()
	if err != nil {
		return err
	}
	a, err := client.ask(ctx, request{method: http.MethodPost, path: "/api/v1/diff", body: api.DiffRequest{File: path}})
	if err != nil {
		return err
	}
	if !a.ok() {
		fmt.Fprintln(stderr, a.refusal(client))
		return cli.ErrFailed
	}
	var result api.Diff
	if err := a.into(client, &result); err != nil {
		return err
	}
	if len(result.Changes) == 0 {
		_, err = fmt.Fprintln(stdout, "a reload would change nothing")
		return err
	}
	return printChanges(stdout, result.Changes)
}

// printChanges prints a line for each change.
func printChanges(w io.Writer, changes []api.Change) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		before, after := terminal.PrintableLines(c.Before), terminal.PrintableLines(c.After)
		fmt.Fprintf(t, "%s\t%s", terminal.PrintableLines(c.Action), terminal.PrintableLines(c.Name))
		switch {
		case before != "" && after != "":
			fmt.Fprintf(t, "\t%s -> %s", before, after)
		case before+after != "":
			fmt.Fprintf(t, "\t%s", before+after) // of what is removed or added
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}
