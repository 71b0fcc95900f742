package main

import (
	"errors"
	"log/slog"
	"os"
	"strings"

	"mqttlb/config"
)

// revision is a configuration that was read, and what it means.
type revision struct {
	config *config.Config
	plan   *plan
	text   []byte // the configuration as one file; nil: there is no such text
}

// faults are all that is wrong with a configuration, one line each.
type faults []string

// Error returns the lines.
func (f faults) Error() string { return strings.Join(f, "\n") }

// faultsOf are the lines of an error that a configuration of this file has caused.
func faultsOf(file string, err error) faults {
	var lines faults
	if errors.As(err, &lines) {
		return lines
	}
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			lines = append(lines, e.Error())
		}
		return lines
	}
	for _, e := range each(err) {
		line := e.Error()
		if file != "" { // else it came from flags
			line = file + ": " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// readRevision reads a configuration file and all files that it names. It starts
// nothing. The error is of type faults.
func readRevision(file string, log *slog.Logger) (*revision, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, faultsOf(file, err)
	}
	r := &revision{config: cfg, text: textOf(file)}
	if r.plan, err = newPlan(cfg, log); err != nil {
		return nil, faultsOf(file, err)
	}
	return r, nil
}

// textOf is the text of a configuration file, nil of one that can be read but once.
// It stands for a Config that can write itself.
func textOf(file string) []byte {
	if !rereadable(file) {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return text
}

// rereadable reports whether file is not a pipe or another device, which would give
// something else the next time, or wait for ever. What is not there may come.
func rereadable(file string) bool {
	info, err := os.Stat(file)
	return err != nil || info.Mode().IsRegular()
}
