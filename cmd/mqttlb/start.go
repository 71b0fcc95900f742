package main

import (
	"fmt"
	"io"

	"mqttlb/config"
)

// firstRevision reads the configuration and sets the log. If the
// file is broken and --fallback is set, it returns the last good configuration, and the
// faults of the file in broken. Before it returns an error it explains it.
func (f *serveFlags) firstRevision(log *logger, stderr io.Writer) (first *revision, broken faults, err error) {
	cfg, err := f.loadConfig()
	explain := func(f fault) { // before there is a log
		if !f.placed {
			f.line = "mqttlb serve: " + f.line
		}
		fmt.Fprintln(stderr, f.line)
	}
	kept := history{f.stateDir}
	if err == nil {
		err = log.set(cfg.Log)
	}
	if err == nil {
		explain = func(f fault) { log.fatal(f.line) }
		if kept.dir == "" {
			kept.dir = cfg.Admin.StateDir
		}
		first = &revision{config: cfg}
		if first.plan, err = newPlan(cfg, nil, loadOperators(cfg, log.Logger), log.Logger); err == nil {
			return first, nil, nil
		}
	}
	broken = faultsOf(f.file, err)
	if f.fallback {
		if first, err = kept.read(log.Logger); err == nil {
			err = log.set(first.config.Log)
		}
		if err == nil {
			return first, broken, nil
		}
	}
	for _, fault := range broken {
		explain(fault)
	}
	if f.fallback {
		for _, fault := range faultsOf("", err) {
			explain(fault)
		}
	} else if hint := kept.hint(f.file); hint != "" {
		explain(fault{line: hint})
	}
	if f.file == "" {
		return nil, nil, errUsage
	}
	return nil, nil, errConfig
}

// loadConfig reads the configuration from the file or the flags.
func (f *serveFlags) loadConfig() (*config.Config, error) {
	if f.file == "" {
		return config.FromFlags(f.listen, f.nodes, f.admin)
	}
	return config.Load(f.file)
}

// logBroken logs why the process runs with the last good configuration.
func (f *serveFlags) logBroken(log *logger, broken faults) {
	if broken == nil {
		return
	}
	for _, fault := range broken {
		log.Error("the configuration", "error", fault.line)
	}
	log.Error("the configuration is broken: mqttlb serves with the last good one, as --fallback says", "file", f.file, "errors", len(broken))
}
