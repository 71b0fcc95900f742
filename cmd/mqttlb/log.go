package main

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mqttlb/proxy"
)

const (
	// logLines is how many lines of the process may wait for a slow log, and how many of
	// its clients.
	logLines = 4096
	// logFlush is how long the end of the process waits for those lines to be written.
	logFlush = time.Second
	// logRetry is how long a log that has failed is left alone.
	logRetry = time.Second
	// logRepeat is how often a log that goes on to drop lines or to fail says so.
	logRepeat = time.Minute
	// logFailures is how many failures in that time are said.
	logFailures = 5
)

// lineKind is the kind of a line.
type lineKind uint8

const (
	processLine lineKind = iota // of the process itself
	sessionLine                 // and the kinds after it: of its clients
	requestLine
	debugLine
	lineKinds
)

// logLine is a line on its way to a sink.
type logLine struct {
	level  slog.Level
	kind   lineKind
	text   []byte            // with a newline at its end, and none before
	fields map[string]string // of the journal's entry; nil for other sinks
}

// logSink is where lines go. Only the goroutine of a logWriter uses it.
type logSink interface {
	// write writes a line. It may block.
	write(l *logLine) error
	// reopen opens a file again if its name leads to another one now.
	reopen() error
	close()
	style() lineStyle
}

// lineCounts counts lines by their kind.
type lineCounts [lineKinds]atomic.Uint64

// logNotice writes a line about the log itself.
type logNotice func(level slog.Level, message string, attrs ...slog.Attr)

// logWriter writes lines to a sink in a goroutine of its own. A log that nobody reads, such
// as a pipe to a hung process, then blocks neither sessions nor health checks nor the end
// of the process. The lines of the process have a queue of their own and are written
// first. When logLines lines wait in a queue, further ones are dropped and counted.
type logWriter struct {
	sink    logSink
	name    string // the value of log.output
	process chan logLine
	clients chan logLine
	reopens chan struct{}
	stop    chan struct{} // closed by close, through stopping
	done    chan struct{} // closed by run

	stopping sync.Once

	dropped  *lineCounts // since the start of the process, by all writers
	slow     lineCounts  // dropped since the last line about it, for want of a place
	dropping atomic.Bool // a line has said that lines are dropped, and none that this is over

	// notice writes to this log. A log that fails has trouble, which writes to stderr, and
	// fallback, which takes the lines of the process; both are nil for stderr itself.
	notice, trouble logNotice
	fallback        *logWriter

	// Only run uses the fields below.
	slowTold time.Time // of the last line about dropped lines; zero: none are dropped
	failing  bool
	told     time.Time // of the last line about the failure; zero: there was none
	retry    time.Time // of a log that is failing
	lost     uint64    // lines lost by failures and not said yet
	failures int       // since period
	period   time.Time
}

// start starts the writer's goroutine.
func (w *logWriter) start() {
	w.process, w.clients = make(chan logLine, logLines), make(chan logLine, logLines)
	w.reopens, w.stop, w.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go w.run() // ends at close, or with the process if the log is stuck
}

// add queues a line. It never waits. first reports that the line was dropped, and is the
// first one after the log has kept up.
func (w *logWriter) add(l logLine) (first bool) {
	queue := w.process
	if l.kind != processLine {
		queue = w.clients
	}
	select {
	case queue <- l:
		return false
	default:
		w.dropped[l.kind].Add(1)
		w.slow[l.kind].Add(1)
		return w.dropping.CompareAndSwap(false, true)
	}
}

// reopen has the sink open its file again if its name leads to another one now.
func (w *logWriter) reopen() {
	select {
	case w.reopens <- struct{}{}:
	default: // run has a signal already
	}
}

func (w *logWriter) run() {
	defer close(w.done)
	defer w.sink.close()
	for {
		select { // before any line: those that follow a reload belong to the new file
		case <-w.reopens:
			w.result(w.sink.reopen())
			continue
		default:
		}
		select {
		case l := <-w.process:
			w.write(&l)
			continue
		default:
		}
		w.noteDropped()
		select {
		case l := <-w.process:
			w.write(&l)
		case l := <-w.clients:
			w.write(&l)
		case <-w.reopens:
			w.result(w.sink.reopen())
		case <-w.stop:
			w.drain(w.process)
			w.drain(w.clients)
			return
		}
	}
}

func (w *logWriter) drain(queue chan logLine) {
	for range len(queue) {
		l := <-queue
		w.write(&l)
	}
}

// write writes a line to the sink, unless it has just failed.
func (w *logWriter) write(l *logLine) {
	if w.failing && time.Now().Before(w.retry) {
		w.lose(l)
		return
	}
	err := w.sink.write(l)
	if err != nil {
		w.lose(l)
	}
	w.result(err)
}

// lose drops a line that the sink has failed to write.
func (w *logWriter) lose(l *logLine) {
	if w.fallback != nil && l.kind == processLine {
		w.fallback.add(*l)
		return
	}
	w.lost++
	w.dropped[l.kind].Add(1)
}

// result notes whether the sink works. The first failure, each one a minute later, and
// the end are said on stderr, unless they come too often.
func (w *logWriter) result(err error) {
	now := time.Now()
	if now.Sub(w.period) >= logRepeat {
		w.period, w.failures = now, 0
	}
	switch {
	case err == nil && !w.failing:
		return
	case err == nil:
		w.failing = false
		if w.told.IsZero() {
			return // its beginning was not said
		}
		w.trouble(slog.LevelWarn, "the log is written again", slog.String("output", w.name), slog.Uint64("lost", w.lost))
		w.notice(slog.LevelWarn, "lines are missing here: the log could not be written", slog.Uint64("lost", w.lost))
		w.lost = 0
		return
	case !w.failing:
		w.failing, w.told = true, time.Time{}
		w.failures++
	}
	w.retry = now.Add(logRetry)
	if w.failures <= logFailures && now.Sub(w.told) >= logRepeat {
		w.told = now
		w.trouble(slog.LevelError, "the log cannot be written", slog.String("output", w.name), slog.Any("error", err), slog.Uint64("lost", w.lost))
	}
}

// noteDropped says how many lines were dropped when the log keeps up again, and once a
// minute until then.
func (w *logWriter) noteDropped() {
	if !w.dropping.Load() {
		return
	}
	now := time.Now()
	over := len(w.process) == 0 && len(w.clients) == 0
	switch {
	case over:
		w.slowTold = time.Time{}
		w.dropping.Store(false) // before the counts are read, see add
	case w.slowTold.IsZero():
		w.slowTold = now
		return
	case now.Sub(w.slowTold) < logRepeat:
		return
	default:
		w.slowTold = now
	}
	var attrs []slog.Attr
	for kind, name := range []string{"process", "sessions", "requests", "debug"} {
		attrs = append(attrs, slog.Uint64(name, w.slow[kind].Swap(0)))
	}
	w.notice(slog.LevelWarn, "log lines were dropped: the log was too slow", attrs...)
}

// close writes the lines that wait, for at most logFlush. Later lines are lost.
func (w *logWriter) close() {
	w.stopping.Do(func() { close(w.stop) }) // a second signal closes it beside serve
	select {
	case <-w.done:
	case <-time.After(logFlush):
	}
}

// kindOf returns the kind of a record.
func kindOf(r *slog.Record) lineKind {
	switch {
	case r.Message == proxy.SessionLine:
		return sessionLine
	case r.Message == proxy.RequestLine:
		return requestLine
	case r.Level < slog.LevelInfo:
		return debugLine
	}
	return processLine
}
