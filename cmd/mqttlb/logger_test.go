package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"mqttlb/config"
)

// A derived logger follows changes: a package derives its logger once and keeps it.
func TestDerivedLoggersFollowLevelAndFormat(t *testing.T) {
	var b bytes.Buffer
	l := newLogger(config.Log{Level: config.LevelInfo, Format: config.FormatText}, &b)
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
		l.set(config.Log{Level: config.LevelInfo, Format: config.FormatText})
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
			l.set(round.log)
			for name, log := range derived {
				if got := line(log); got != round.want[name] {
					t.Errorf("%s, %s: got %s, want %s", round.log.Format, name, got, round.want[name])
				}
			}
		}
		l.set(config.Log{Level: config.LevelError, Format: round.log.Format})
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
	l := newLogger(config.Log{Level: config.LevelInfo, Format: config.FormatText}, &w)
	var running sync.WaitGroup
	for range writers {
		log := l.With("pool", "p")
		running.Go(func() {
			for range lines {
				log.Info("line", "n", 1)
			}
		})
	}
	for i := range 200 {
		l.set(config.Log{Level: config.LevelInfo, Format: []config.LogFormat{config.FormatJSON, config.FormatText}[i%2]})
	}
	running.Wait()
	if w.lines != writers*lines || w.torn > 0 {
		t.Errorf("%d lines, %d of them torn; want %d whole ones", w.lines, w.torn, writers*lines)
	}
}

func BenchmarkLogLine(b *testing.B) {
	log := newLogger(config.Log{Level: config.LevelInfo, Format: config.FormatText}, io.Discard).With("pool", "p")
	b.ReportAllocs()
	for b.Loop() {
		log.Info("line", "n", 1)
	}
}
