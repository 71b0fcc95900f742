package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"mqttlb/config"
)

// check reads a configuration file and the files that it names, and prints a
// summary, or every error.
func check(_ context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `FILE`; the -c may be left out")
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
	cfg, err := config.Load(*file)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	p, err := newPlan(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		for _, e := range each(err) {
			fmt.Fprintf(stderr, "%s: %v\n", *file, e)
		}
		return errFailed
	}
	for _, warning := range p.warnings {
		fmt.Fprintf(stderr, "%s: warning: %s\n", *file, warning)
	}
	return cfg.Summary(stdout)
}
