package main_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// fakeSyslog is the socket of a syslog server.
type fakeSyslog struct {
	conn *net.UnixConn
	done chan struct{}

	mu    sync.Mutex // guards lines
	lines []string
}

func startSyslog(t *testing.T, path string) *fakeSyslog {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeSyslog{conn: conn, done: make(chan struct{})}
	go func() { // ends when conn is closed
		defer close(s.done)
		b := make([]byte, 1<<20)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.lines = append(s.lines, string(b[:n]))
			s.mu.Unlock()
		}
	}()
	t.Cleanup(s.stop)
	return s
}

// stop ends the server and removes its socket.
func (s *fakeSyslog) stop() {
	s.conn.Close()
	<-s.done
	os.Remove(s.conn.LocalAddr().String())
}

func (s *fakeSyslog) has(pattern string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	re := regexp.MustCompile(pattern)
	for _, line := range s.lines {
		if re.MatchString(line) {
			return true
		}
	}
	return false
}

func TestSyslogGetsLinesWithTheirSeverity(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "log")
	server := startSyslog(t, socket)
	b := serve(t, loggingTo(t, `{level: info, output: "syslog:`+socket+`"}`))
	const head = `[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d mqttlb\[\d+\]: `
	b.sessions(t, injected...)
	eventually(t, "the lines of sessions", func() bool { return server.has("^<30>" + head + `level=INFO msg=session listener=mqtt .*"_=\\n\\n" `) })
	b.signal(t, syscall.SIGHUP)
	eventually(t, "the audit line", func() bool { return server.has("^<30>" + head + `level=INFO msg=audit who=SIGHUP`) })
	server.mu.Lock()
	for _, line := range server.lines {
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || !strings.HasPrefix(line, "<") {
			t.Errorf("no line: %q", line)
		}
	}
	server.mu.Unlock()

	// syslog is restarted.
	server.stop()
	eventually(t, "a warning on stderr", func() bool {
		b.sessions(t, "lost")
		return len(b.said("the log cannot be written", "output=syslog:"+socket)) == 1
	})
	server = startSyslog(t, socket)
	eventually(t, "lines of sessions again", func() bool {
		b.sessions(t, "back")
		return server.has("msg=session .* client_id=back")
	})
	if err := os.WriteFile(b.config, []byte("nothing: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.signal(t, syscall.SIGHUP)
	eventually(t, "an error", func() bool { return server.has("^<27>" + head + "level=ERROR ") })
	eventually(t, "the gap is said", func() bool { return server.has("^<28>" + head + "level=WARN msg=\"lines are missing here") })
}
