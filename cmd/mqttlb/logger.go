package main

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"

	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
)

// logger is the log of the process. Its settings can change at any time, also for the
// loggers derived from it.
//
// A line about a listener, a pool, a node, a certificate or an admin address names it, in
// an attribute of that word or in the error. A line that a client can cause is sampled, or
// is at level debug.
type logger struct {
	*slog.Logger
	out    *logOutput
	stderr *logWriter
	onErr  *logOutput // writes to stderr, whatever the output is

	dropped lineCounts

	mu         sync.Mutex // guards the fields below
	configured config.Log // by the last set
}

// logOutput is what all handlers of a logger write to.
type logOutput struct {
	level slog.LevelVar
	roots map[rootKey]slog.Handler // the map never changes
	said  logNotice                // the lines of the output about itself

	mu     sync.Mutex // guards the fields below. It is held while a line is formatted and queued
	line   bytes.Buffer
	entry  map[string]string // the fields of the journal's entry; nil: none are wanted
	root   slog.Handler      // the handler in force
	fields []config.LogField // of the line of a session
	writer *logWriter
	add    func(logLine) (first bool) // of writer
}

// rootKey says how a handler formats lines.
type rootKey struct {
	format config.LogFormat
	style  lineStyle
}

// lineStyle is what a line has beside the text of its message and attributes.
type lineStyle uint8

const (
	timed   lineStyle = iota // the time
	untimed                  // not even the time: the sink adds it
	entries                  // as untimed, and the fields of an entry of the journal
	styles
)

// newLogger makes a logger that writes to stderr until set is called. priorities says that
// stderr is a stream of the journal, which reads a priority before each line.
func newLogger(stderr io.Writer, priorities bool) *logger {
	l := &logger{out: newLogOutput(), onErr: newLogOutput(), configured: config.Log{Output: config.LogStderr}}
	l.stderr = &logWriter{sink: &streamSink{stderr, priorities}, name: config.LogStderr, dropped: &l.dropped}
	l.stderr.notice = l.onErr.log
	l.stderr.start()
	for _, o := range []*logOutput{l.out, l.onErr} {
		o.use(config.Log{Level: config.LevelInfo}, l.stderr)
	}
	l.Logger = slog.New(&logHandler{out: l.out})
	return l
}

func newLogOutput() *logOutput {
	o := &logOutput{roots: map[rootKey]slog.Handler{}}
	o.said = o.log
	for style := range styles {
		drop := func(groups []string, a slog.Attr) slog.Attr {
			if style != timed && len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		text := slog.NewTextHandler(&o.line, &slog.HandlerOptions{Level: &o.level, ReplaceAttr: drop})
		json := slog.NewJSONHandler(&o.line, &slog.HandlerOptions{Level: &o.level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			return formatDuration(drop(groups, a))
		}})
		o.roots[rootKey{config.FormatText, style}], o.roots[rootKey{config.FormatJSON, style}] = text, json
		if style == entries {
			o.roots[rootKey{config.FormatText, style}] = &entryHandler{Handler: text, out: o}
			o.roots[rootKey{config.FormatJSON, style}] = &entryHandler{Handler: json, out: o}
		}
	}
	return o
}

// use puts the format of c and a writer in force.
func (o *logOutput) use(c config.Log, w *logWriter) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := rootKey{cmp.Or(c.Format, config.FormatText), w.sink.style()}
	o.root, o.writer, o.add = o.roots[key], w, w.add
}

// log writes a line.
func (o *logOutput) log(level slog.Level, message string, attrs ...slog.Attr) {
	slog.New(&logHandler{out: o}).LogAttrs(context.Background(), level, message, attrs...) //nolint:sloglint // the callers' messages are constants
}

// set puts the settings of a configuration in force. See prepare.
func (l *logger) set(c config.Log) error {
	commit, _, err := l.prepare(c)
	if err != nil {
		return err
	}
	commit()
	return nil
}

// prepare opens the output of a configuration. The caller must call either commit, which
// puts its settings in force, or undo. A level or fields that were set at run time stay in
// force until a configuration has others than the one before.
func (l *logger) prepare(c config.Log) (commit, undo func(), err error) {
	l.mu.Lock()
	before := l.configured
	l.mu.Unlock()
	undo = func() {}
	next := l.writer()
	switch {
	case c.Output == "" || c.Output == config.LogStderr:
		next = l.stderr
	case c.Output != before.Output || c.File() != "" && c.Rotate != before.Rotate:
		sink, err := openSink(&c, l.onErr.log)
		if err != nil {
			return nil, nil, err
		}
		undo = sink.close
		next = &logWriter{sink: sink, name: c.Output, dropped: &l.dropped, notice: l.out.log, trouble: l.onErr.log, fallback: l.stderr}
	}
	return func() { l.commit(c, next) }, undo, nil
}

func (l *logger) commit(c config.Log, next *logWriter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.configured
	l.configured = c
	if c.Level != before.Level {
		l.setLevel(levelOf(c.Level))
	}
	if !slices.Equal(c.Fields, before.Fields) {
		l.out.setFields(c.Fields)
	}
	old := l.writer()
	if old != next && next != l.stderr {
		next.start()
	}
	l.out.use(c, next)
	if c.Format != before.Format {
		l.onErr.use(c, l.stderr)
	}
	switch {
	case old == next:
		next.reopen()
	case old != l.stderr:
		go old.close() // ends after logFlush at the latest
	}
}

// close writes the lines that wait, for at most logFlush for each output.
func (l *logger) close() {
	if w := l.writer(); w != l.stderr {
		w.close()
	}
	l.stderr.close()
}

// fatal logs why the process cannot serve, and says it on stderr, too.
func (l *logger) fatal(line string) {
	const message = "mqttlb cannot serve"
	l.Error(message, "error", line)
	if l.writer() != l.stderr {
		l.onErr.log(slog.LevelError, message, slog.String("error", line))
	}
}

func (l *logger) writer() *logWriter {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.out.writer
}

// level returns the level in force.
func (l *logger) level() slog.Level { return l.out.level.Level() }

// setLevel changes the level until a reload changes log.level.
func (l *logger) setLevel(level slog.Level) { l.out.level.Set(level) }

// fields returns the fields of the line of a session.
func (l *logger) fields() []string {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	names := make([]string, len(l.out.fields))
	for i, f := range l.out.fields {
		names[i] = string(f)
	}
	return names
}

// setFields changes the fields of the line of a session until a reload changes log.fields.
func (l *logger) setFields(names []string) error {
	if err := config.CheckLogFields(names); err != nil {
		return err
	}
	fields := make([]config.LogField, len(names))
	for i, name := range names {
		fields[i] = config.LogField(name)
	}
	l.out.setFields(fields)
	return nil
}

func (o *logOutput) setFields(fields []config.LogField) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fields = slices.Clone(fields)
}

// linesDropped returns how many lines were dropped since the start.
func (l *logger) linesDropped() admin.Lines {
	count := func(k lineKind) uint64 { return l.dropped[k].Load() }
	return admin.Lines{
		Process: count(processLine),
		Lines:   proxy.Lines{Sessions: count(sessionLine), Requests: count(requestLine), Debug: count(debugLine)},
	}
}

// levelOf returns the level of a configuration.
func levelOf(c config.LogLevel) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c)); err != nil {
		return slog.LevelInfo
	}
	return level
}
