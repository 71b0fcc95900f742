package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"mqttlb/config"
)

// check reads a configuration file and prints a summary of it, or every error.
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
	return cfg.Summary(stdout)
}
