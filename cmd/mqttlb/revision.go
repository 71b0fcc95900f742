package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"

	"mqttlb/config"
)

// revision is a configuration and the plan made from it.
type revision struct {
	config *config.Config
	plan   *plan
}

// fault is one error in a configuration.
type fault struct {
	file string // the file with the error; empty: not known
	line string // the message for the operator
	// placed: the line begins with the file, line and column, where editors and terminals look for them.
	placed bool
}

// faults are all errors in a configuration.
type faults []fault

// Error returns the lines.
func (f faults) Error() string { return strings.Join(f.lines(), "\n") }

func (f faults) lines() (lines []string) {
	for _, fault := range f {
		lines = append(lines, fault.line)
	}
	return lines
}

// faultsOf returns the faults that are in err, those of a file in the order of its lines. Those that name no place get
// the name of the configuration file, and come last.
func faultsOf(file string, err error) (all faults) {
	if errors.As(err, &all) {
		return all
	}
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		for _, e := range errs {
			all = append(all, fault{e.File, e.Error(), e.Line > 0})
		}
		return all
	}
	var placed config.Errors
	var others faults
	for _, e := range splitErrors(err) {
		if at, ok := errors.AsType[config.Error](e); ok && at.Line > 0 {
			placed = append(placed, at)
			continue
		}
		line := e.Error()
		if file != "" { // empty: the configuration came from flags
			line = file + ": " + line
		}
		others = append(others, fault{line: line})
	}
	slices.SortStableFunc(placed, func(a, b config.Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, e := range placed {
		all = append(all, fault{e.File, e.Error(), true})
	}
	return append(all, others...)
}

// readRevision reads a configuration file and all files that it names. It starts
// nothing. For before and set see newPlan. The error is of type faults.
func readRevision(file string, before *plan, set operators, log *slog.Logger) (*revision, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, faultsOf(file, err)
	}
	return newRevision(cfg, file, before, set, log)
}

// newRevision makes the plan of cfg, which was read from file. The error is of type
// faults.
func newRevision(cfg *config.Config, file string, before *plan, set operators, log *slog.Logger) (r *revision, err error) {
	if before != nil {
		before.sets.Prepare(context.Background(), watchesOf(cfg)) // ends by itself, within seconds
	}
	r = &revision{config: cfg}
	if r.plan, err = newPlan(cfg, before, set, log); err != nil {
		return nil, faultsOf(file, err)
	}
	return r, nil
}

// rereadable reports whether file can be read more than once. A pipe or a device cannot:
// its content differs each time, or a read blocks for ever. A file that does not exist
// counts as rereadable, since it may appear.
func rereadable(file string) bool {
	info, err := os.Stat(file)
	return err != nil || info.Mode().IsRegular()
}
