package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mqttlb/config"
)

// gate is a writer that blocks until it is opened.
type gate struct {
	open chan struct{}

	mu      sync.Mutex // guards written
	written bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.written.Write(b)
}

func TestLogThatNobodyReadsHoldsNothingUp(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w := newLogWriter(g)
	log := slog.New(slog.NewTextHandler(w, nil))
	const lines = logLines + 100
	for i := range lines {
		log.Info("line", "n", i) // must not block
	}
	if n := w.dropped.Load(); n < 99 || n > 100 { // one line may wait in the writer
		t.Errorf("%d lines dropped, want what has no place", n)
	}
	begun := time.Now()
	w.close()
	if waited := time.Since(begun); waited < logFlush {
		t.Errorf("close gave up after %v", waited)
	}
	log.Info("after the end")
	close(g.open)
	<-w.done
}

func TestLogIsWrittenWholeAtTheEnd(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	w := newLogWriter(g)
	var want bytes.Buffer
	for i := range 1000 {
		line := fmt.Sprintln("line", i)
		want.WriteString(line)
		if n, err := w.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	w.close()
	if got := g.written.String(); got != want.String() || w.dropped.Load() != 0 {
		t.Errorf("%d of %d bytes, %d lines dropped", len(got), want.Len(), w.dropped.Load())
	}
}

// Both formats spell durations alike, since operators read them side by side.
func TestDurationsHaveTheirUnitInBothFormats(t *testing.T) {
	for _, format := range []config.LogFormat{config.FormatText, config.FormatJSON} {
		var b bytes.Buffer
		newLogger(config.Log{Level: config.LevelInfo, Format: format}, &b).Info("session", "duration", 1500*time.Millisecond)
		if !bytes.Contains(b.Bytes(), []byte("1.5s")) {
			t.Errorf("%s: %s", format, &b)
		}
	}
}

func TestAdminSocketThatAProcessLeftIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if ln, err := bind(config.Address{Network: "unix", Path: path}, addressSetting, nil, false); err == nil {
		_ = ln.Close()
		t.Error("the socket of a process that lives was taken")
	}
	left.SetUnlinkOnClose(false) // the file stays, as after kill -9
	_ = left.Close()
	ln, err := bind(config.Address{Network: "unix", Path: path}, addressSetting, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
}
