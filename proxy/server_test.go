package proxy

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// A program may make a server and fail elsewhere before it runs the server.
func TestServerThatIsNotRunCanBeCountedAndLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for name, on := range map[string]setting{
		"TCP": func(*snapshot.Snapshot) {},
		"a path": func(s *snapshot.Snapshot) {
			s.Listeners[0].Network, s.Listeners[0].Address = "unix", path
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := wsToMQTT.start(t, []string{refusing}, on)
			r.stop()
			goroutines, descriptors := runtime.NumGoroutine(), proxytest.OpenDescriptors(t)
			srv, err := New(r.snap, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if stats := srv.Stats(); len(stats.Listeners) != 1 || stats.Listeners[0].Accepted != 0 {
				t.Errorf("before it runs it has counted %+v", stats.Listeners)
			}
			bound := srv.Addr("mqtt")
			srv.Close()
			srv.Close()
			if stats := srv.Stats(); len(stats.Listeners) != 1 {
				t.Errorf("after its close it has counted %+v", stats.Listeners)
			}
			c, err := net.Dial(bound.Network(), bound.String())
			if err == nil {
				_ = c.Close()
			}
			if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a client that connects: %v", err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket's file: %v", err)
			}
			eventually(t, "its goroutines and descriptors are gone", func() bool {
				return runtime.NumGoroutine() <= goroutines && proxytest.OpenDescriptors(t) <= descriptors
			})
		})
	}
}

func TestCloseDoesNothingToAServerThatRuns(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	c := r.open("c1")
	r.srv.Close()
	c.send([]byte("still here"))
	c.expect([]byte("still here"))
	other := r.open("c2")
	_, _ = c.Close(), other.Close()
	r.stop()
	r.srv.Close()
}
