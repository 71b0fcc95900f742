package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/mqttlb/ctl"
	"mqttlb/config"
)

// standardInput is the FILE argument that stands for standard input. Errors call it
// inputName.
const standardInput, inputName = "-", "<stdin>"

// checkCommand reads a configuration file and the files that it names. It prints a
// summary, or every error.
func checkCommand() *cobra.Command {
	var file, socket string
	var asDiff, strict bool
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "read a configuration file: what it means, what is wrong with it",
		Long: `Read a configuration file and the files that it names. Print a summary, or
every error with its line and column. FILE may be - for standard input.

A warning is about a setting that can be used but hardly means what was
written, or about a file such as a certificate that expires soon.

With --diff, ask the running mqttlb what the file would change.`,
		Example: "  mqttlb check mqttlb.yaml\n  mqttlb check --diff mqttlb.yaml\n  mqttlb check - <mqttlb.yaml",
		Args:    cli.Args("[FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && file != "":
				return cli.Usagef("unexpected argument %q: -c names the file already", args[0])
			case len(args) > 0:
				file = args[0]
			}
			switch {
			case file == "":
				return cli.Usagef("name the configuration file")
			case asDiff && strict:
				return cli.Usagef("--strict is for a check of the file alone, without --diff")
			case !asDiff:
				return check(cmd.Context(), file, strict, cmd.OutOrStdout(), cmd.ErrOrStderr())
			case file == standardInput:
				return cli.Usagef("--diff needs a file: the running mqttlb reads it, and cannot read your standard input")
			default:
				return printDiff(cmd.Context(), file, socket, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", "", "the configuration `FILE`; the -c may be left out")
	flags.BoolVar(&asDiff, "diff", false, "print what a reload of the running mqttlb would change if FILE were its configuration")
	flags.BoolVar(&strict, "strict", false, "fail with exit code 1 if there is a warning, too")
	flags.StringVar(&socket, "socket", "", "with --diff: the `PATH` of the admin socket of the running mqttlb (default: admin.socket in FILE, or mqttlb.sock in the runtime directory)")
	return cmd
}

// check prints the summary of a configuration file, or every error. If strict, a warning is a failure, too.
func check(ctx context.Context, file string, strict bool, stdout, stderr io.Writer) error {
	cfg, err := loadFileOrStdin(ctx, file)
	if err != nil {
		fmt.Fprintln(stderr, sayWho("mqttlb check", err))
		return errFailed
	}
	if file == standardInput {
		file = inputName
	}
	r, err := newRevision(cfg, file, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	warnings := slices.Concat(cfg.Warnings, r.plan.sourceWarnings(), r.plan.warnings())
	for _, loop := range r.loops(ctx) {
		warnings = append(warnings, config.Error{File: file, Message: loop})
	}
	nodeWarnings, err := checkNodeFiles(cfg)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	warnings = append(warnings, nodeWarnings...)
	for _, warning := range warnings {
		fmt.Fprintln(stderr, warning.Warning())
	}
	if hint := r.plan.unresolved(); hint != "" { // no warning: the file may be for another machine
		fmt.Fprintf(stderr, "%s: note: %s\n", file, hint)
	}
	if err := r.config.Summary(stdout); err != nil {
		return err
	}
	if strict && len(warnings) > 0 {
		return errFailed
	}
	return nil
}

// sayWho puts the name of the command before each error that names no place in a file. A place comes first, so
// that editors and terminals find it.
func sayWho(command string, err error) error {
	var errs config.Errors
	if !errors.As(err, &errs) {
		return fmt.Errorf("%s: %w", command, err)
	}
	errs = slices.Clone(errs)
	for i := range errs {
		if errs[i].Line == 0 {
			errs[i].File = command + ": " + errs[i].File
		}
	}
	return errs
}

// checkResolve limits the time in which check looks up the host names of nodes.
const checkResolve = time.Second

// loops looks up the host names of the nodes, and describes the nodes that are a listener or the admin server of
// this process. Nodes with IP addresses were checked before.
func (r *revision) loops(ctx context.Context) (warnings []string) {
	limited, cancel := context.WithTimeout(ctx, checkResolve)
	defer cancel()
	r.plan.names.Apply(r.plan.nodes())
	r.plan.names.Resolve(limited)
	for _, pool := range r.plan.pools {
		for _, n := range pool.Nodes() {
			for _, to := range n.Addrs() {
				what := r.config.ListenerAt(to)
				if _, err := netip.ParseAddr(n.Host); err == nil || what == "" {
					continue
				}
				warnings = append(warnings, fmt.Sprintf("pool %q: node %q: %s resolves to %v here, the address of %s of this process: it would get no sessions", pool.Name, n.Name, n.Host, to.Addr(), what))
			}
		}
	}
	return warnings
}

// loadFileOrStdin loads the configuration from a file or from standard input. A read
// from a terminal may wait for long, so it ends with ctx.
func loadFileOrStdin(ctx context.Context, file string) (*config.Config, error) {
	if file != standardInput {
		return config.Load(file)
	}
	type result struct {
		cfg *config.Config
		err error
	}
	results, stdin := make(chan result, 1), os.Stdin
	go func() { // ends with its read, or with the process
		cfg, err := config.Read(inputName, stdin)
		results <- result{cfg, err}
	}()
	select {
	case r := <-results:
		return r.cfg, r.err
	case <-ctx.Done():
		return nil, errors.New("stopped before the end of standard input")
	}
}

// printDiff prints what a reload of the running mqttlb would change if file were its
// configuration, or every error in file. Without a socket, the file says where it is.
func printDiff(ctx context.Context, file, socket string, stdout, stderr io.Writer) error {
	var broken error // the file, so that it cannot say where the socket is
	if socket == "" {
		cfg, err := config.Load(file)
		if broken = err; err == nil && cfg.Admin.Socket != config.SocketOff {
			socket = cfg.Admin.Socket
		}
	}
	err := ctl.Diff(ctx, socketPaths, socket, file, stdout, stderr)
	if broken != nil && err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(stderr, sayWho("mqttlb check", broken))
	}
	return err
}
