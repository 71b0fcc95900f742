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
}

// fault is one thing wrong with a configuration.
type fault struct {
	file string // where it is, if the file's language knows; else empty
	line string // for an operator
}

// faults are all that is wrong with a configuration.
type faults []fault

// Error returns the lines.
func (f faults) Error() string { return strings.Join(f.lines(), "\n") }

func (f faults) lines() (lines []string) {
	for _, fault := range f {
		lines = append(lines, fault.line)
	}
	return lines
}

// faultsOf are the faults in an error that a configuration of this file has caused.
func faultsOf(file string, err error) (all faults) {
	if errors.As(err, &all) {
		return all
	}
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			all = append(all, fault{e.File, e.Error()})
		}
		return all
	}
	for _, e := range splitErrors(err) {
		line := e.Error()
		if file != "" { // else it came from flags
			line = file + ": " + line
		}
		all = append(all, fault{line: line})
	}
	return all
}

// readRevision reads a configuration file and all files that it names, to follow the
// plan before, see newPlan. It starts nothing. The error is of type faults.
func readRevision(file string, before *plan, log *slog.Logger) (*revision, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, faultsOf(file, err)
	}
	return newRevision(cfg, file, before, log)
}

// newRevision makes the plan of a configuration that was read from a file. The error
// is of type faults.
func newRevision(cfg *config.Config, file string, before *plan, log *slog.Logger) (r *revision, err error) {
	r = &revision{config: cfg}
	if r.plan, err = newPlan(cfg, before, log); err != nil {
		return nil, faultsOf(file, err)
	}
	return r, nil
}

// rereadable reports whether file is not a pipe or another device, which would give
// something else the next time, or wait for ever. What is not there may come.
func rereadable(file string) bool {
	info, err := os.Stat(file)
	return err != nil || info.Mode().IsRegular()
}
