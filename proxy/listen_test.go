package proxy

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// A path is taken over only from a dead process that left its socket there.
func TestUnixSocketsAreReplacedOnlyWhereNobodyAnswers(t *testing.T) {
	dir := t.TempDir()
	on := func(path string) setting {
		return func(s *snapshot.Snapshot) { s.Listeners[0].Network, s.Listeners[0].Address = "unix", path }
	}
	t.Run("left behind", func(t *testing.T) {
		path := filepath.Join(dir, "left")
		left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
		if err != nil {
			t.Fatal(err)
		}
		left.SetUnlinkOnClose(false)
		_ = left.Close()
		r := start(t, []string{startNode(t, nil).address()}, on(path))
		r.open("c1")
	})
	t.Run("in use", func(t *testing.T) {
		path := filepath.Join(dir, "used")
		r := start(t, []string{startNode(t, nil).address()}, on(path))
		if err := bindError(t, r.snap); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("bound twice: %v", err)
		}
		r.waitOutcome(outcome.NoData, 1) // the connection that asks whether a process answers
		r.open("still there")
	})
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("dear"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := bindError(t, &snapshot.Snapshot{Listeners: []*snapshot.Listener{{Name: "mqtt", Network: "unix", Address: path, Pool: &snapshot.Pool{Pool: new(balancer.Pool)}}}})
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("bound to a file: %v", err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "dear" {
			t.Errorf("the file holds %q, %v", b, err)
		}
	})
}

// If an address is in use, the error names the listener, and earlier addresses are released.
func TestListenerWhoseAddressIsTakenIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	const first = "127.0.0.1:0"
	pool := &snapshot.Pool{Pool: new(balancer.Pool)}
	descriptors := proxytest.OpenDescriptors(t)
	err = bindError(t, &snapshot.Snapshot{Listeners: []*snapshot.Listener{
		{Name: "first", Network: "tcp", Address: first, Pool: pool},
		{Name: "second", Network: "tcp", Address: taken.Addr().String(), Pool: pool},
	}})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), `listener "second"`) {
		t.Errorf("got %v", err)
	}
	if n := proxytest.OpenDescriptors(t); n != descriptors {
		t.Errorf("%d descriptors open, %d before", n, descriptors)
	}
}

// bindError returns the error of a server that cannot bind.
func bindError(t *testing.T, snap *snapshot.Snapshot) error {
	t.Helper()
	srv, err := New(snap, slog.New(slog.DiscardHandler))
	if srv != nil {
		t.Error("there is a server")
	}
	if errors.Is(err, reactor.ErrUnsupported) {
		t.Skip(err)
	}
	return err
}

// Root may bind every port, so that this test makes the error itself.
func TestAPortThatNeedsAPrivilegeSaysWhich(t *testing.T) {
	tcp := &snapshot.Listener{Name: "l", Network: "tcp", Address: ":883"}
	if err := errListen(tcp, &os.SyscallError{Syscall: "bind", Err: syscall.EACCES}); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "CAP_NET_BIND_SERVICE") {
		t.Errorf("says %q", err)
	}
	unix := &snapshot.Listener{Name: "l", Network: "unix", Address: "/run/x"}
	if err := errListen(unix, &os.SyscallError{Syscall: "bind", Err: syscall.EACCES}); strings.Contains(err.Error(), "1024") {
		t.Errorf("says of a path %q", err)
	}
}
