package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// check reads a configuration file and the files that it names, and prints a
// summary, or every error.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `FILE`; the -c may be left out")
	asDiff := flags.Bool("diff", false, "print what a reload of the running mqttlb would change if FILE were its configuration")
	socket := socketFlag(flags)
	if len(args) == 1 && !strings.HasPrefix(args[0], "-") {
		args = []string{"-c", args[0]}
	}
	if err := parseFlags(flags, args, stderr); err != nil {
		return err
	}
	if *file == "" {
		fmt.Fprintln(stderr, "mqttlb check: name the configuration file with -c")
		return errUsage
	}
	if *asDiff {
		return diff(ctx, *file, *socket, stdout, stderr)
	}
	r, err := readRevision(*file, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	for _, warning := range r.plan.warnings() {
		fmt.Fprintf(stderr, "%s: warning: %s\n", *file, warning)
	}
	return r.config.Summary(stdout)
}
