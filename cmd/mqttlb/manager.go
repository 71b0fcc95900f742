package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/admin/api"
)

// loadTimeout limits the reading of a configuration's files. A network file system
// that is away then blocks one reload, not the later ones.
const loadTimeout = 30 * time.Second

// errStopping is the answer to every change once the process has begun to stop.
var errStopping = errors.New("mqttlb is stopping: it makes no more changes")

// manager makes every change of the running process, one after the other.
type manager struct {
	file     string // the configuration file; empty: the configuration came from flags or a pipe, and cannot be read again
	stateDir string // the value of --state-dir; empty: admin.state_dir counts
	watching bool   // --watch is set
	log      *logger
	// apply replaces the revision in force. After an error nothing has changed. It logs
	// its warnings and returns them: each names a file that could not be used or needs
	// attention.
	apply  func(ctx context.Context, before, next *revision) (warnings []string, err error)
	notify *notifier // is told of reloads

	drainer drainer
	plan    func() *plan // in force, from any goroutine

	hangups     <-chan os.Signal
	fileChanges chan fingerprint // from watch
	setChanges  <-chan struct{}  // from the sets of nodes
	retrySets   <-chan time.Time // after a failure to put these in force; nil: there was none
	requests    chan request     // from the admin socket
	ended       chan struct{}
	events      *admin.Events
	reloads     atomic.Pointer[admin.Reloads]
	inForce     atomic.Int64                 // generation, for other goroutines
	watched     atomic.Pointer[watchedFiles] // the files that watch reads
	lastRead    atomic.Pointer[string]       // the digest of the files at the last reload
	operators   atomic.Pointer[operators]    // set at run time; only run changes them
	setsFault   atomic.Pointer[setsFault]    // nil: the nodes that pools have discovered are in force

	// Only run uses the fields below.
	running    *revision
	generation int    // of running; the first is 1
	lastFaults faults // of the last reload; nil: it succeeded
}

// request is work for the manager's goroutine.
type request struct {
	work func(serving context.Context)
	done chan struct{}
}

// newManager makes the manager of a process that starts with first. After a start with
// --fallback, broken holds the faults of the configuration file; otherwise it is nil.
func newManager(first *revision, broken faults, log *logger) *manager {
	m := &manager{
		log:         log,
		fileChanges: make(chan fingerprint),
		setChanges:  first.plan.sets.Changed(),
		requests:    make(chan request),
		ended:       make(chan struct{}),
		events:      new(admin.Events),
		running:     first, generation: 1, lastFaults: broken,
	}
	m.inForce.Store(1)
	m.reloads.Store(&admin.Reloads{Failed: broken != nil, Last: time.Now()})
	m.operators.Store(&first.plan.operators)
	return m
}

// run makes changes until ctx is done. It refuses them once serving is done.
func (m *manager) run(ctx, serving context.Context) {
	defer close(m.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.hangups:
			m.reload(serving, bySignal)
		case s := <-m.fileChanges:
			// A reload may have read these files since watch took the fingerprint.
			if s.digest != *m.lastRead.Load() && serving.Err() == nil {
				m.lastRead.Store(&s.digest)
				m.reload(serving, byFile)
			}
		case <-m.setChanges:
			m.applySets(serving)
		case <-m.retrySets:
			m.retrySets = nil
			m.applySets(serving)
		case r := <-m.requests:
			r.work(serving)
			close(r.done)
		}
	}
}

// do queues work for the manager and waits until it is done. ctx ends only the wait
// in the queue.
func (m *manager) do(ctx context.Context, work func(serving context.Context)) error {
	r := request{work, make(chan struct{})}
	select {
	case m.requests <- r:
	case <-m.ended:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
	<-r.done // run has received r, and finishes the work before it returns
	return nil
}

// reloadResult is the result of a reload.
type reloadResult struct {
	api.Reload
	stopping bool
}

// reload reads the configuration again and puts it in force as a whole, or changes
// nothing. It logs the result.
func (m *manager) reload(ctx context.Context, by origin) reloadResult {
	m.notify.beginReload()
	defer m.notify.endReload()
	result := reloadResult{Reload: api.Reload{Generation: m.generation, Changes: []api.Change{}}}
	before := *m.reloads.Load()
	next, err := m.nextRevision(ctx)
	if err == nil {
		result.Changes = differences(m.running.config, next.config)
		result.Warnings, err = m.apply(ctx, m.running, next)
	}
	if err != nil {
		return m.refuse(result, before, by, err)
	}
	if len(result.Changes) > 0 {
		m.generation++
		m.inForce.Store(int64(m.generation))
	}
	result.Generation = m.generation
	if m.file == "" {
		m.warn(&result, "the configuration came from flags or from a pipe: it cannot be read again, only the files that it names")
	}
	otherState := next.config.Admin.StateFile != m.running.config.Admin.StateFile
	m.reportSets(m.running.plan, next.plan)
	m.running = next
	m.watched.Store(newWatchedFiles(m.file, next.config, nil))
	if err := m.saveLastGood(); err != nil {
		m.warn(&result, "the configuration is in force and could not be kept: "+err.Error())
	}
	if otherState {
		if err := m.saveOperators(); err != nil {
			m.warn(&result, err.Error())
		}
	}
	if by.Who == byFile.Who && len(result.Changes) == 0 && m.lastFaults == nil {
		m.log.Debug("a file of the configuration has changed, but no setting", "file", m.file)
		return result
	}
	before.Done++
	before.Failed, before.Last = false, time.Now()
	m.reloads.Store(&before)
	m.report(result, by)
	m.lastFaults = nil
	return result
}

// nextRevision reads the configuration file and the files that it names. If the file
// cannot be read again, nextRevision keeps the configuration in force and reads only the
// files that it names.
func (m *manager) nextRevision(ctx context.Context) (*revision, error) {
	if ctx.Err() != nil {
		return nil, errStopping
	}
	type reading struct {
		*revision
		tried string
		err   error
	}
	done := make(chan reading, 1)
	again, before, watched, set := *m.running, m.running.plan, m.watched.Load(), *m.operators.Load()
	go func() { // ends when the files have been read
		var r reading
		switch {
		case m.file == "":
			r.revision = &again
			again.plan, r.err = newPlan(again.config, before, set, m.log.Logger)
		case !rereadable(m.file):
			r.err = faults{{line: m.file + ": is not a regular file any more, and cannot be read again"}}
		default:
			if m.watching {
				r.tried = watched.fingerprint().digest // first: a change during the read then causes another reload
			}
			r.revision, r.err = readRevision(m.file, before, set, m.log.Logger)
		}
		done <- r
	}()
	timeout := time.NewTimer(loadTimeout)
	defer timeout.Stop()
	select {
	case r := <-done:
		m.lastRead.Store(&r.tried)
		return r.revision, r.err
	case <-ctx.Done():
		return nil, errStopping
	case <-timeout.C:
		return nil, faults{{line: m.file + ": could not be read within " + loadTimeout.String()}}
	}
}

// refuse counts and logs a reload that has changed nothing.
func (m *manager) refuse(result reloadResult, count admin.Reloads, by origin, err error) reloadResult {
	result.stopping = errors.Is(err, errStopping) || errors.Is(err, proxy.ErrStopping)
	all := faultsOf(m.file, err)
	if result.stopping {
		all = faults{{line: err.Error()}}
	}
	result.Errors = all.lines()
	if by.Who == byFile.Who && slices.Equal(all, m.lastFaults) {
		return result // these errors are in the log already
	}
	count.Refused++
	if !result.stopping {
		count.Failed = true
		m.lastFaults = all
		m.watched.Store(newWatchedFiles(m.file, m.running.config, all))
	}
	m.reloads.Store(&count)
	for _, line := range result.Errors {
		m.log.Error("the configuration", "error", line)
	}
	m.log.Error("the configuration was not reloaded; the one before stays in force", "errors", len(all), "generation", m.generation)
	m.events.Publish(api.Event{Kind: eventReload, Subject: m.file, Text: fmt.Sprintf("refused, with %d errors; generation %d stays in force: %s", len(all), m.generation, all[0].line)})
	m.auditReload(result, by)
	return result
}

// warn logs a warning and adds it to the result. A warning does not stop the reload.
func (m *manager) warn(result *reloadResult, warning string) {
	result.Warnings = append(result.Warnings, warning)
	m.log.Warn("the configuration", "warning", warning)
}

// report logs a reload that has succeeded.
func (m *manager) report(result reloadResult, by origin) {
	count := map[string]int{}
	for _, c := range result.Changes {
		count[c.Action]++
		attrs := []any{"name", c.Name, "change", c.Action}
		if c.Before != "" || c.After != "" {
			attrs = append(attrs, "before", c.Before, "after", c.After)
		}
		m.log.Info("the configuration has changed", attrs...)
	}
	attrs := []any{"generation", m.generation,
		"added", count[string(config.Added)], "removed", count[string(config.Removed)], "changed", count[string(config.Changed)]}
	text := fmt.Sprintf("generation %d is in force, with %d changes", m.generation, len(result.Changes))
	if broken := filesKept(result.Warnings); broken > 0 {
		attrs = append(attrs, "files_not_reloaded", broken)
		text += fmt.Sprintf("; %d files could not be used, and what was read of them before stays in force", broken)
	}
	m.log.Info("the configuration was reloaded", attrs...)
	m.events.Publish(api.Event{Kind: eventReload, Subject: m.file, Text: text})
	m.auditReload(result, by)
}

// auditReload writes the audit line of a reload.
func (m *manager) auditReload(result reloadResult, by origin) {
	before, how := result.Generation, "done"
	switch {
	case len(result.Errors) > 0:
		how = "refused"
	case len(result.Changes) > 0:
		before--
	}
	audit(m.log.Logger, by, "reload", slog.String("result", how), slog.String("file", m.file), slog.String("changes", summarize(result.Changes)),
		slog.Int("before", before), slog.Int("after", result.Generation))
}

// saveLastGood writes the configuration in force to the state directory, if there is one.
func (m *manager) saveLastGood() error {
	dir := cmp.Or(m.stateDir, m.running.config.Admin.StateDir)
	if dir == "" || m.file == "" {
		return nil
	}
	return history{dir}.save(m.running.config.YAML())
}
