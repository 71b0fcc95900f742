package main

import (
	"errors"
	"fmt"
	"io"

	"mqttlb/config"
)

// begin reads what the process starts with, and sets the log as it says. With
// --fallback that is the kept configuration if the file is broken, and broken says
// how. An error has been explained.
func (f *serveFlags) begin(log *logger, stderr io.Writer) (first *revision, broken faults, err error) {
	first, stateDir, err := f.read(log)
	if err == nil {
		return first, nil, nil
	}
	if f.stateDir != "" {
		stateDir = f.stateDir
	}
	kept := history{stateDir}
	fmt.Fprintln(stderr, err)
	if !f.fallback {
		if hint := kept.hint(f.file); hint != "" {
			fmt.Fprintln(stderr, "mqttlb serve:", hint)
		}
		return nil, nil, errFailed
	}
	if absent := kept.missing(); absent != nil {
		fmt.Fprintln(stderr, "mqttlb serve:", absent)
		return nil, nil, errFailed
	}
	errors.As(err, &broken)
	if first, err = readRevision(kept.file(), nil, log.Logger); err != nil {
		fmt.Fprintf(stderr, "%v\nmqttlb serve: --fallback: what is kept in %s is broken, too\n", err, stateDir)
		return nil, nil, errFailed
	}
	log.set(first.config.Log)
	return first, broken, nil
}

// read reads the configuration of the flags. The folder where it is kept is known,
// too, where only files that it names are broken. The error is of type faults.
func (f *serveFlags) read(log *logger) (first *revision, stateDir string, err error) {
	var cfg *config.Config
	if f.file != "" {
		cfg, err = config.Load(f.file)
	} else {
		cfg, err = config.FromFlags(f.listen, f.nodes, f.admin)
	}
	if err != nil {
		return nil, "", faultsOf(f.file, err)
	}
	log.set(cfg.Log)
	first = &revision{config: cfg}
	if first.plan, err = newPlan(cfg, nil, log.Logger); err != nil {
		return nil, cfg.Admin.StateDir, faultsOf(f.file, err)
	}
	if f.file != "" {
		first.text = textOf(f.file)
	}
	return first, cfg.Admin.StateDir, nil
}

// sayWhatIsBroken logs why the process runs with the kept configuration.
func (f *serveFlags) sayWhatIsBroken(log *logger, broken faults) {
	if broken == nil {
		return
	}
	for _, line := range broken {
		log.Error("the configuration", "error", line)
	}
	log.Error("the configuration is broken: mqttlb serves with the last good one, as --fallback says", "file", f.file, "errors", len(broken))
}
