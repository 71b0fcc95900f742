package admin

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
)

// shortListener is a listener of a process without descriptors.
type shortListener struct{ net.Listener }

func (shortListener) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

func TestFailedAcceptsOfTheAdminServerAreLoggedOnceInAWhile(t *testing.T) {
	log := &proxytest.Log{}
	ln := loopback(t)
	l := newConnections(shortListener{ln}, 4, slog.New(slog.NewTextHandler(log, nil)))
	defer l.Close()
	for range 100 {
		if _, err := l.Accept(); err == nil {
			t.Fatal("no error")
		}
	}
	want := `level=ERROR msg="the admin server cannot accept a connection" address=` + ln.Addr().String() + ` error="accept tcp: accept4: too many open files" failures=1`
	if got := log.String(); strings.Count(got, "msg=") != 1 || !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
