package main

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"

	"mqttlb/config"
)

// logger is the log of the process. Its level and format can change at any time, also
// for the loggers derived from it.
type logger struct {
	*slog.Logger
	out *logOutput
}

// logOutput is what all handlers of a logger write to.
type logOutput struct {
	level    slog.LevelVar
	handlers map[config.LogFormat]slog.Handler // one for each format; the map never changes
	format   atomic.Pointer[slog.Handler]      // the one in force
}

// newLogger makes a logger. It calls to.Write once for each line.
func newLogger(c config.Log, to io.Writer) *logger {
	out := &logOutput{}
	out.handlers = map[config.LogFormat]slog.Handler{
		config.FormatText: slog.NewTextHandler(to, &slog.HandlerOptions{Level: &out.level}),
		config.FormatJSON: slog.NewJSONHandler(to, &slog.HandlerOptions{Level: &out.level, ReplaceAttr: formatDuration}),
	}
	l := &logger{Logger: slog.New(&logHandler{out: out}), out: out}
	l.set(c)
	return l
}

// set changes the level and the format. It may be called from any goroutine.
func (l *logger) set(c config.Log) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	l.out.level.Set(level)
	handler, ok := l.out.handlers[c.Format]
	if !ok {
		handler = l.out.handlers[config.FormatText]
	}
	l.out.format.Store(&handler)
}

// logHandler passes records to the handler of the format in force. It remembers the
// WithAttrs and WithGroup calls that made it, and repeats them on that handler.
type logHandler struct {
	out   *logOutput
	steps []func(slog.Handler) slog.Handler
	last  atomic.Pointer[derivedHandler] // the last result of the steps
}

// derivedHandler is the result of applying the steps of a logHandler to from.
type derivedHandler struct{ from, handler slog.Handler }

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.out.level.Level()
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	from := *h.out.format.Load()
	d := h.last.Load()
	if d == nil || d.from != from {
		d = &derivedHandler{from, from}
		for _, step := range h.steps {
			d.handler = step(d.handler)
		}
		h.last.Store(d)
	}
	return d.handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.then(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.then(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *logHandler) then(step func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{out: h.out, steps: append(slices.Clone(h.steps), step)}
}

// formatDuration writes durations with their unit, as the text format does. slog's JSON
// handler would write a bare number of nanoseconds.
func formatDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}
