package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"mqttlb/config"
)

// logHandler passes records to the handler in force, and its lines to the writer. It
// remembers the WithAttrs and WithGroup calls that made it, and repeats them on that
// handler.
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
	first, writer, err := h.queue(ctx, r)
	if first {
		h.out.said(slog.LevelWarn, "log lines are dropped: the log is too slow", slog.String("output", writer.name))
	}
	return err
}

// queue formats a record and queues its line.
func (h *logHandler) queue(ctx context.Context, r slog.Record) (first bool, w *logWriter, err error) {
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	from := o.root
	d := h.last.Load()
	if d == nil || d.from != from {
		d = &derivedHandler{from, from}
		for _, step := range h.steps {
			d.handler = step(d.handler)
		}
		h.last.Store(d)
	}
	l := logLine{level: r.Level, kind: kindOf(&r)}
	if l.kind == sessionLine && o.fields != nil {
		r = selectFields(r, o.fields)
	}
	o.line.Reset()
	o.entry = nil
	if err := d.handler.Handle(ctx, r); err != nil {
		return false, nil, err
	}
	l.text, l.fields = escapeUnprintable(o.line.Bytes()), o.entry
	return o.add(l), o.writer, nil
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

// selectFields returns the record of a session with these fields, in their order.
func selectFields(r slog.Record, fields []config.LogField) slog.Record {
	chosen := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	for _, f := range fields {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key != string(f) {
				return true
			}
			chosen.AddAttrs(a)
			return false
		})
	}
	return chosen
}

// formatDuration writes durations with their unit, as the text format does. slog's JSON
// handler would write a bare number of nanoseconds.
func formatDuration(a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// escapeUnprintable returns a copy of a line in which every character that does not print is
// escaped as in JSON. Both handlers escape those of ASCII, and the text handler the others, too.
// Only strings in quotes can have such a character.
func escapeUnprintable(line []byte) []byte {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(line))
	for len(line) > 0 {
		c, n := utf8.DecodeRune(line)
		if c < 0x7f || unicode.IsPrint(c) {
			b = append(b, line[:n]...)
		} else {
			for _, unit := range utf16.AppendRune(nil, c) {
				b = append(b, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
			}
		}
		line = line[n:]
	}
	return b
}

// entryHandler also collects the attributes of a record as the fields of an entry of the
// journal.
type entryHandler struct {
	slog.Handler
	out    *logOutput
	attrs  []slog.Attr // of WithAttrs, with the names of their groups
	prefix string      // of the names, from WithGroup
}

// Handle implements [slog.Handler].
func (h *entryHandler) Handle(ctx context.Context, r slog.Record) error {
	h.out.entry = map[string]string{}
	for _, a := range h.attrs {
		h.out.addField("", a)
	}
	r.Attrs(func(a slog.Attr) bool {
		h.out.addField(h.prefix, a)
		return true
	})
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *entryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.Handler = h.Handler.WithAttrs(attrs)
	next.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		next.attrs = append(next.attrs, slog.Attr{Key: h.prefix + a.Key, Value: a.Value})
	}
	return &next
}

// WithGroup implements [slog.Handler].
func (h *entryHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.Handler, next.prefix = h.Handler.WithGroup(name), h.prefix+name+"_"
	return &next
}

// addField adds an attribute to the entry, unless its value is empty. The journal takes
// any bytes in a value.
func (o *logOutput) addField(prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, in := range value.Group() {
			o.addField(prefix+a.Key+"_", in)
		}
		return
	}
	if s := value.String(); s != "" {
		o.entry[fieldName(prefix+a.Key)] = s
	}
}

// fieldName returns the name of an attribute in the journal: client_id is MQTTLB_CLIENT_ID.
func fieldName(key string) string {
	return "MQTTLB_" + strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z':
			return c - 'a' + 'A'
		case 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, key)
}
