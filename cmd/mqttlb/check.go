package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"mqttlb/config"
)

// standardInput is the FILE argument that stands for standard input. Errors call it
// inputName.
const standardInput, inputName = "-", "<stdin>"

// check reads a configuration file and the files that it names. It prints a summary, or
// every error.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `FILE`, or - for standard input; the -c may be left out")
	asDiff := flags.Bool("diff", false, "print what a reload of the running mqttlb would change if FILE were its configuration")
	socket := socketFlag(flags)
	if len(args) == 1 && (args[0] == standardInput || !strings.HasPrefix(args[0], "-")) {
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
		if *file == standardInput {
			fmt.Fprintln(stderr, "mqttlb check: --diff needs a file: the running mqttlb reads it, and cannot read your standard input")
			return errUsage
		}
		return printDiff(ctx, *file, *socket, stdout, stderr)
	}
	cfg, err := loadFileOrStdin(ctx, *file)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	if *file == standardInput {
		*file = inputName
	}
	r, err := newRevision(cfg, *file, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	for _, warning := range r.plan.warnings() {
		fmt.Fprintf(stderr, "%s: warning: %s\n", *file, warning)
	}
	return r.config.Summary(stdout)
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
		return nil, errors.New("mqttlb check: stopped before the end of standard input")
	}
}
