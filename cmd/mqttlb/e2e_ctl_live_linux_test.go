package main_test

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// countingAPI stands for a running mqttlb whose packets grow.
type countingAPI struct {
	packets atomic.Int64
	kicks   atomic.Int64
}

// ServeHTTP implements [http.Handler].
func (c *countingAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/v1/status":
		fmt.Fprintf(w, `{"version": "v1", "pid": 7, "state": "serving", "ready": true, "started": "2026-01-01T00:00:00Z",
			"totals": {"packets_received": %d}, "pools": [{"name": "emqx", "nodes": 1, "up": 1}]}`, c.packets.Add(50_000))
	case "/api/v1/nodes":
		fmt.Fprint(w, `{"nodes": [{"name": "emqx-1", "operator": {"state": "enabled"}, "pools": [{"pool": "emqx", "state": "up", "healthy": true}]}]}`)
	case "/api/v1/sessions":
		fmt.Fprint(w, `{"total": 5, "sessions": []}`)
	case "/api/v1/sessions/kick":
		c.kicks.Add(1)
		fmt.Fprint(w, `{"kicked": 5}`)
	}
}

// serveSocket serves at a Unix socket until stop is called.
func serveSocket(t *testing.T, path string, h http.Handler) (stop func()) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go server.Serve(ln) // ends at Close
	t.Cleanup(func() { server.Close() })
	return func() { server.Close() }
}

func TestTheStatusIsWatchedInATerminal(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(socketDir(t), "s")
	stop := serveSocket(t, socket, &countingAPI{})
	for _, quit := range []string{"q", "\x03"} {
		d := startInTerminal(t, 80, 24, []string{"NO_COLOR=1"}, "ctl", "--socket", socket, "status", "--watch")
		d.see(t, `^mqttlb v1, pid 7, up .*: serving, ready$`, `^per second +0 +0 +[0-9.]+k `, `^  emqx-1 +up `, `^\d\d:\d\d:\d\d  q quits$`)
		if lines := d.screen(); len(lines) != 24 {
			t.Errorf("%d lines", len(lines))
		}
		if quit == "q" {
			stop()
			d.see(t, `^mqttlb v1, `, `^\d\d:\d\d:\d\d  no mqttlb answers at the admin socket `) // the last screen stays
			stop = serveSocket(t, socket, &countingAPI{})
			d.see(t, `^mqttlb v1, `, `^\d\d:\d\d:\d\d  q quits$`)
		}
		d.press(t, quit)
		d.ended(t, 0)
		if sgr.Match(d.said()) {
			t.Error("colors in spite of NO_COLOR")
		}
	}
}

func TestAKickAsksInATerminal(t *testing.T) {
	t.Parallel()
	c := &countingAPI{}
	socket := filepath.Join(socketDir(t), "s")
	serveSocket(t, socket, c)
	for _, row := range []struct {
		answer string
		code   int
		kicks  int64
		says   string
	}{
		{"n\n", 1, 0, "nothing was done"},
		{"\n", 1, 0, "nothing was done"},
		{"\x04", 1, 0, "nothing was done"}, // the end of input
		{"\x03", 1, 0, "nothing was done"},
		{"y\n", 0, 1, "5 sessions told to leave"},
	} {
		d := startInTerminal(t, 80, 24, nil, "ctl", "--socket", socket, "kick", "--all")
		eventually(t, "the kick asks", func() bool { return strings.Contains(string(d.said()), "close 5 sessions? [y/N]") })
		d.press(t, row.answer)
		<-d.exited
		if got := d.cmd.ProcessState.ExitCode(); got != row.code || c.kicks.Load() != row.kicks {
			t.Errorf("%q: exit code %d, want %d; %d kicks, want %d", row.answer, got, row.code, c.kicks.Load(), row.kicks)
		}
		eventually(t, row.says, func() bool { return strings.Contains(string(d.said()), row.says) })
	}
}
