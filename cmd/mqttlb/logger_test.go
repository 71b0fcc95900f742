package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode"

	"mqttlb/config"
)

// newTestLogger returns a logger that writes into a buffer at once.
func newTestLogger(t *testing.T, c config.Log) (*logger, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	l := newLogger(io.Discard, false)
	t.Cleanup(l.close)
	setDirect(t, l, c, &b)
	return l, &b
}

// setDirect is set for such a logger.
func setDirect(t *testing.T, l *logger, c config.Log, to *bytes.Buffer) {
	t.Helper()
	if err := l.set(c); err != nil {
		t.Fatal(err)
	}
	l.out.add = func(line logLine) bool {
		to.Write(line.text)
		return false
	}
}

// A derived logger follows changes: a package derives its logger once and keeps it.
func TestDerivedLoggersFollowLevelAndFormat(t *testing.T) {
	l, b := newTestLogger(t, config.Log{Level: config.LevelInfo, Format: config.FormatText})
	set := func(c config.Log) { setDirect(t, l, c, b) }
	line := func(log *slog.Logger) string {
		b.Reset()
		log.Debug("probe", "n", 1)
		_, line, _ := strings.Cut(strings.TrimSpace(b.String()), "level=DEBUG ")
		if json.Valid(b.Bytes()) {
			_, line, _ = strings.Cut(strings.TrimSpace(b.String()), `"level":"DEBUG",`)
		}
		return line
	}
	derived := map[string]*slog.Logger{
		"plain":             l.Logger,
		"with":              l.With("pool", "p"),
		"group":             l.WithGroup("g"),
		"with group":        l.With("pool", "p").WithGroup("g"),
		"with group with":   l.With("pool", "p").WithGroup("g").With("node", "n"),
		"two of one parent": l.WithGroup("g").With("a", 1),
	}
	for name, log := range derived {
		set(config.Log{Level: config.LevelInfo, Format: config.FormatText})
		if got := line(log); got != "" {
			t.Errorf("%s: at level info a line of debug is written: %s", name, got)
		}
	}
	for _, round := range []struct {
		log  config.Log
		want map[string]string
	}{
		{config.Log{Level: config.LevelDebug, Format: config.FormatText}, map[string]string{
			"plain":             "msg=probe n=1",
			"with":              "msg=probe pool=p n=1",
			"group":             "msg=probe g.n=1",
			"with group":        "msg=probe pool=p g.n=1",
			"with group with":   "msg=probe pool=p g.node=n g.n=1",
			"two of one parent": "msg=probe g.a=1 g.n=1",
		}},
		{config.Log{Level: config.LevelDebug, Format: config.FormatJSON}, map[string]string{
			"plain":             `"msg":"probe","n":1}`,
			"with":              `"msg":"probe","pool":"p","n":1}`,
			"group":             `"msg":"probe","g":{"n":1}}`,
			"with group":        `"msg":"probe","pool":"p","g":{"n":1}}`,
			"with group with":   `"msg":"probe","pool":"p","g":{"node":"n","n":1}}`,
			"two of one parent": `"msg":"probe","g":{"a":1,"n":1}}`,
		}},
	} {
		for range 2 { // the second time from the cache
			set(round.log)
			for name, log := range derived {
				if got := line(log); got != round.want[name] {
					t.Errorf("%s, %s: got %s, want %s", round.log.Format, name, got, round.want[name])
				}
			}
		}
		set(config.Log{Level: config.LevelError, Format: round.log.Format})
		for name, log := range derived {
			if got := line(log); got != "" {
				t.Errorf("%s, %s: at level error a line of debug is written: %s", round.log.Format, name, got)
			}
		}
	}
}

// lineWriter counts lines, and those that are not whole lines of one of the formats.
type lineWriter struct {
	mu          sync.Mutex // guards the fields below
	lines, torn int
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines++
	if !json.Valid(b) && (!bytes.HasPrefix(b, []byte("time=")) || !bytes.HasSuffix(b, []byte("n=1\n"))) {
		w.torn++
	}
	return len(b), nil
}

func TestLinesStayWholeWhileTheFormatChanges(t *testing.T) {
	const writers, lines = 4, 2000
	var w lineWriter
	l := newLogger(&w, false)
	var running sync.WaitGroup
	for range writers {
		log := l.With("pool", "p")
		running.Go(func() {
			for range lines {
				log.Info("line", "n", 1)
				eventuallyHere(t, "the log keeps up", func() bool { return len(l.stderr.process) < logLines/2 })
			}
		})
	}
	for i := range 200 {
		if err := l.set(config.Log{Level: config.LevelInfo, Format: []config.LogFormat{config.FormatJSON, config.FormatText}[i%2]}); err != nil {
			t.Error(err)
		}
	}
	running.Wait()
	l.close()
	if w.lines != writers*lines || w.torn > 0 {
		t.Errorf("%d lines, %d of them torn; want %d whole ones", w.lines, w.torn, writers*lines)
	}
}

func BenchmarkLogLine(b *testing.B) {
	l := newLogger(io.Discard, false)
	l.out.add = func(logLine) bool { return false }
	log := l.With("pool", "p")
	b.ReportAllocs()
	for b.Loop() {
		log.Info("line", "n", 1)
	}
}

// A level and fields set at run time last until a configuration has others than before.
func TestSettingsOfTheRunTimeLastUntilTheFileChangesThem(t *testing.T) {
	c := config.Log{Level: config.LevelInfo, Format: config.FormatText, Fields: []config.LogField{"listener", "client"}}
	l, b := newTestLogger(t, c)
	l.setLevel(slog.LevelDebug)
	if err := l.setFields([]string{"outcome", "node"}); err != nil {
		t.Fatal(err)
	}
	check := func(when string, level slog.Level, fields string) {
		t.Helper()
		b.Reset()
		l.Info("session", "listener", "l", "client", "c", "node", "n", "outcome", "o")
		_, line, _ := strings.Cut(strings.TrimSpace(b.String()), "msg=")
		if l.level() != level || line != "session "+fields {
			t.Errorf("%s: level %v, %q; want %v, %q", when, l.level(), line, level, fields)
		}
	}
	check("set at run time", slog.LevelDebug, "outcome=o node=n")
	c.Sample = 7
	setDirect(t, l, c, b)
	check("after a reload of other settings", slog.LevelDebug, "outcome=o node=n")
	c.Level = config.LevelError
	setDirect(t, l, c, b)
	c.Level = config.LevelWarn
	c.Format = config.FormatJSON
	setDirect(t, l, c, b)
	c.Level, c.Format = config.LevelInfo, config.FormatText
	setDirect(t, l, c, b)
	check("after a reload of the level", slog.LevelInfo, "outcome=o node=n")
	c.Fields = []config.LogField{"client"}
	setDirect(t, l, c, b)
	check("after a reload of the fields", slog.LevelInfo, "client=c")
	if got := l.fields(); len(got) != 1 || got[0] != "client" {
		t.Errorf("the fields are %q", got)
	}

	for _, wrong := range [][]string{nil, {}, {"client_id", "clientid"}, {"node", "node"}, {""}, {"time"}} {
		if err := l.setFields(wrong); err == nil || !strings.Contains(err.Error(), "the fields are listener, client,") && !strings.Contains(err.Error(), "twice") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	check("after wrong fields", slog.LevelInfo, "client=c")
	l.Info("other", "node", "n")
	if !strings.Contains(b.String(), "msg=other node=n") {
		t.Errorf("another line lost a field: %s", b)
	}
}

// Whatever is in an identifier, a line is one line, reads back as what it was, and shows
// nothing to a terminal but what prints.
func TestNoIdentifierBreaksALine(t *testing.T) {
	for _, id := range []string{
		"a\nlevel=ERROR msg=forged", "a\r\nb", "\x1b[2J\x1b]0;title\a", "\u0085x", "\u009b31m", "\x7f", "\u2028\u2029", "\u202eabc", "\ufeff", "\U000e0001", "\U0001f600 \u00fc",
		`"} {"msg":"forged"`, `a" outcome="none`, "\xff\xfe", "\x00", strings.Repeat("\n", 300), "=", "",
	} {
		for _, format := range []config.LogFormat{config.FormatText, config.FormatJSON} {
			l, b := newTestLogger(t, config.Log{Level: config.LevelInfo, Format: format})
			l.Info("session", "client_id", id, "outcome", "client_closed")
			line := b.String()
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
				t.Errorf("%s, %q: not one line: %q", format, id, line)
			}
			for _, c := range strings.TrimSuffix(line, "\n") {
				if !unicode.IsPrint(c) {
					t.Errorf("%s, %q: the line has %U: %q", format, id, c, line)
				}
			}
			var got string
			if format == config.FormatJSON {
				var fields struct {
					ClientID string `json:"client_id"`
				}
				if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
					t.Errorf("%q: %v: %s", id, err, line)
				}
				got = fields.ClientID
			} else {
				_, rest, _ := strings.Cut(line, "client_id=")
				got, _, _ = strings.Cut(rest, " outcome=client_closed")
				got = strings.ReplaceAll(got, `\u007f`, "\x7f") // the text handler does not quote it
				if strings.HasPrefix(got, `"`) {
					var err error
					if got, err = strconv.Unquote(got); err != nil {
						t.Errorf("%q: %v: %s", id, err, line)
					}
				}
			}
			if want := strings.ToValidUTF8(id, "\ufffd"); got != id && got != want && got != strings.ReplaceAll(id, "\xff\xfe", "\ufffd\ufffd") {
				t.Errorf("%s: %q was read as %q from %s", format, id, got, line)
			}
		}
	}
}
