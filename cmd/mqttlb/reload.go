package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mqttlb/cmd/cli"
	"mqttlb/config"
)

// reloadCommand makes the running mqttlb read its configuration again. It prints the
// changes, or every error.
func reloadCommand() *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "have the running mqttlb read its configuration again",
		Long: `Have the running mqttlb read its configuration again. Print what has changed,
or every error. After an error nothing was changed.`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reload(cmd.Context(), socket, asJSON, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	socketFlag(cmd.Flags(), &socket)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	return cmd
}

func reload(ctx context.Context, socket string, asJSON bool, stdout, stderr io.Writer) error {
	answer, ok, err := newAPIClient(socket).ask(ctx, http.MethodPost, "/api/v1/reload", nil)
	if err != nil {
		return err
	}
	if asJSON {
		if _, err := stdout.Write(answer); err != nil {
			return err
		}
		return failedUnless(ok)
	}
	var result reloadResult
	if err := json.Unmarshal(answer, &result); err != nil {
		return err
	}
	for _, warning := range result.Warnings {
		fmt.Fprintln(stderr, "warning:", warning)
	}
	for _, line := range result.Errors {
		fmt.Fprintln(stderr, line)
	}
	if !ok {
		fmt.Fprintln(stderr, "mqttlb reload: nothing was changed")
		return errFailed
	}
	if err := printChanges(stdout, result.Changes); err != nil {
		return err
	}
	if len(result.Changes) == 0 {
		_, err = fmt.Fprintf(stdout, "ok: nothing has changed since generation %d\n", result.Generation)
	} else {
		_, err = fmt.Fprintf(stdout, "ok: generation %d is in force\n", result.Generation)
	}
	return err
}

// printDiff prints what a reload of the running mqttlb would change if file were its
// configuration, or every error in file. The running process reads the file, in its own
// environment and working directory.
func printDiff(ctx context.Context, file, socket string, stdout, stderr io.Writer) error {
	var broken error // the file, so that it cannot say where the socket is
	if socket == "" {
		cfg, err := config.Load(file)
		if broken = err; err == nil && cfg.Admin.Socket != config.SocketOff {
			socket = cfg.Admin.Socket
		}
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	answer, ok, err := newAPIClient(socket).ask(ctx, http.MethodPost, "/api/v1/diff", diffRequest{path})
	if err != nil {
		if broken != nil {
			fmt.Fprintln(stderr, broken)
		}
		return err
	}
	var result diffResult
	if err := json.Unmarshal(answer, &result); err != nil {
		return err
	}
	if err := printChanges(stdout, result.Changes); err != nil {
		return err
	}
	for _, line := range result.Errors {
		fmt.Fprintln(stderr, line)
	}
	if ok && len(result.Changes) == 0 {
		_, err = fmt.Fprintln(stdout, "a reload would change nothing")
		return err
	}
	return failedUnless(ok)
}

// socketFlag defines --socket, for commands that ask a running mqttlb.
func socketFlag(flags *pflag.FlagSet, path *string) {
	flags.StringVar(path, "socket", "", "the `PATH` of the admin socket of the running mqttlb (default: "+socketName+" in the runtime directory)")
}

// printChanges prints a line for each change.
func printChanges(w io.Writer, changes []change) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		fmt.Fprintf(t, "%s\t%s", c.Action, c.Name)
		switch {
		case c.Before != "" && c.After != "":
			fmt.Fprintf(t, "\t%s -> %s", c.Before, c.After)
		case c.Before+c.After != "":
			fmt.Fprintf(t, "\t%s", c.Before+c.After) // of what is removed or added
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

func failedUnless(ok bool) error {
	if !ok {
		return errFailed
	}
	return nil
}
