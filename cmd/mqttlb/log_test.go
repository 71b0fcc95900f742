package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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

// newTestWriter starts a writer to a gate. Its notices go to the returned list.
func newTestWriter(g *gate) (*logWriter, *noticeList) {
	var said noticeList
	w := &logWriter{sink: &streamSink{to: g}, name: "test", dropped: new(lineCounts), notice: said.add}
	w.start()
	return w, &said
}

// noticeList collects notices.
type noticeList struct {
	mu   sync.Mutex // guards list
	list []string
}

func (n *noticeList) add(level slog.Level, message string, attrs ...slog.Attr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprint(level, " ", message, " ", attrs))
}

func (n *noticeList) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// textLine returns a line of a kind.
func textLine(kind lineKind, format string, args ...any) logLine {
	return logLine{kind: kind, text: fmt.Appendf(nil, format+"\n", args...)}
}

func TestLogThatNobodyReadsHoldsNothingUp(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w, _ := newTestWriter(g)
	firsts := 0
	for i := range logLines + 100 {
		if w.add(textLine(sessionLine, "line %d", i)) { // must not block
			firsts++
		}
	}
	if n := w.dropped[sessionLine].Load(); n < 99 || n > 100 { // one line may wait in the writer
		t.Errorf("%d lines dropped, want those without a place", n)
	}
	if firsts != 1 {
		t.Errorf("%d lines were the first that was dropped", firsts)
	}
	begun := time.Now()
	w.close()
	if waited := time.Since(begun); waited < logFlush {
		t.Errorf("close gave up after %v", waited)
	}
	w.add(textLine(processLine, "after the end"))
	close(g.open)
	<-w.done
}

func TestLogIsWrittenWholeAtTheEnd(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	w, _ := newTestWriter(g)
	var want bytes.Buffer
	for i := range 1000 {
		fmt.Fprintln(&want, "line", i)
		w.add(textLine(sessionLine, "line %d", i))
	}
	w.close()
	if got := g.written.String(); got != want.String() || w.dropped[sessionLine].Load() != 0 {
		t.Errorf("%d of %d bytes, %d lines dropped", len(got), want.Len(), w.dropped[sessionLine].Load())
	}
}

// The lines of clients fill their queue while nobody reads. Those of the process are
// written first when somebody does, all of them and in their order.
func TestLinesOfTheProcessWaitForNoClient(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	w, said := newTestWriter(g)
	const over = 50
	for i := range logLines + over {
		w.add(textLine([]lineKind{sessionLine, requestLine, debugLine}[i%3], "client %d", i))
	}
	for i := range 100 {
		w.add(textLine(processLine, "process %d", i))
	}
	if n := w.dropped[processLine].Load(); n != 0 {
		t.Errorf("%d lines of the process were dropped", n)
	}
	close(g.open)
	eventuallyHere(t, "the number of dropped lines is said", func() bool { return len(said.all()) > 0 })
	w.close()
	lines := strings.Split(strings.TrimSpace(g.written.String()), "\n")
	if strings.HasPrefix(lines[0], "client") {
		lines = lines[1:] // it was in the writer already
	}
	for i := range 100 {
		if want := fmt.Sprint("process ", i); lines[i] != want {
			t.Fatalf("line %d is %q, want %q", i, lines[i], want)
		}
	}
	last := -1
	for _, line := range lines[100:] {
		var n int
		if _, err := fmt.Sscanf(line, "client %d", &n); err != nil || n <= last {
			t.Fatalf("%q after client %d", line, last)
		}
		last = n
	}
	dropped := w.dropped[sessionLine].Load() + w.dropped[requestLine].Load() + w.dropped[debugLine].Load()
	want := fmt.Sprintf("WARN log lines were dropped: the log was too slow [process=0 sessions=%d requests=%d debug=%d]",
		w.dropped[sessionLine].Load(), w.dropped[requestLine].Load(), w.dropped[debugLine].Load())
	if got := said.all(); dropped < over-1 || len(got) != 1 || got[0] != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// Both formats spell durations alike, since operators read them side by side.
func TestDurationsHaveTheirUnitInBothFormats(t *testing.T) {
	for _, format := range []config.LogFormat{config.FormatText, config.FormatJSON} {
		l, b := newTestLogger(t, config.Log{Level: config.LevelInfo, Format: format})
		l.Info("line", "duration", 1500*time.Millisecond)
		if !bytes.Contains(b.Bytes(), []byte("1.5s")) {
			t.Errorf("%s: %s", format, b)
		}
	}
}

// eventuallyHere waits until cond holds.
func eventuallyHere(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !cond(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("never: ", what)
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
