package main_test

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serviceManager is the socket of sd_notify at which a service manager hears its services.
type serviceManager struct {
	address string // for NOTIFY_SOCKET

	mu       sync.Mutex // guards messages
	messages []string
}

// startServiceManager listens at a path, or at an abstract address, which begins with @.
func startServiceManager(t *testing.T, address string) *serviceManager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: address})
	if err != nil {
		t.Fatal(err)
	}
	m := &serviceManager{address: address}
	done := make(chan struct{})
	go func() { // ends when conn is closed
		defer close(done)
		b := make([]byte, 64<<10)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.messages = append(m.messages, string(b[:n]))
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
		if t.Failed() {
			t.Logf("the service manager has heard %q", m.heard())
		}
	})
	return m
}

// heard returns the messages with all the parts, from the first one on.
func (m *serviceManager) heard(parts ...string) (found []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
next:
	for _, message := range m.messages {
		for _, part := range parts {
			if !strings.Contains(message, part) {
				continue next
			}
		}
		found = append(found, message)
	}
	return found
}

// hear waits for n messages with all the parts and returns the last of them.
func (m *serviceManager) hear(t *testing.T, n int, parts ...string) string {
	t.Helper()
	eventually(t, fmt.Sprintf("the service manager hears %q %d times", parts, n), func() bool { return len(m.heard(parts...)) >= n })
	return m.heard(parts...)[n-1]
}

// environment is the shell command that sets the variables of a service.
func (m *serviceManager) environment(more ...string) string {
	return "export " + strings.Join(append(more, "NOTIFY_SOCKET='"+m.address+"'"), " ")
}

func TestTheServiceManagerHearsTheState(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	dir := socketDir(t)
	for name, address := range map[string]string{"a path": filepath.Join(dir, "notify"), "abstract": "@mqttlb-test-" + filepath.Base(dir)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReloadee(t, nodes(broker))
			r.more = "timeouts: {shutdown: 1h}\n"
			r.put(t)
			m := startServiceManager(t, address)
			r.startWith(t, m.environment("WATCHDOG_USEC=3000000"), "serve", "-c", r.config)
			m.hear(t, 1, "READY=1\nSTATUS=serving: 1 listener, 0 sessions, 1 of 1 node up\n")
			if code := r.healthz(); code != http.StatusOK { // at once
				t.Errorf("/healthz when it is ready: %d", code)
			}
			client := join(t, r.addrs["mqtt"], "", 4, "stays-"+name)
			m.hear(t, 1, "STATUS=", " 1 session,")

			before := monotonic(t)
			r.mustReload(t)
			m.hear(t, 2, "READY=1\nSTATUS=serving: ")
			reloading := m.hear(t, 1, "RELOADING=1\nMONOTONIC_USEC=")
			_, stamp, _ := strings.Cut(strings.TrimSpace(reloading), "MONOTONIC_USEC=")
			if at, err := strconv.ParseInt(stamp, 10, 64); err != nil || at < before || at > monotonic(t) {
				t.Errorf("a reload after %d is stamped %q", before, reloading)
			}
			r.logs = "levl: info"
			r.put(t)
			r.signal(t, syscall.SIGHUP)
			m.hear(t, 1, "READY=1\nSTATUS=serving: ", "the configuration read last was refused")
			m.hear(t, 2, "RELOADING=1\n")

			m.hear(t, 3, "WATCHDOG=1\n")
			r.signal(t, syscall.SIGTERM)
			m.hear(t, 1, "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=stopping: 1 session left\n")
			fed := len(m.heard("WATCHDOG=1\n"))
			m.hear(t, fed+3, "WATCHDOG=1\n") // still
			m.hear(t, 2, "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=stopping: ")
			r.signal(t, syscall.SIGHUP) // refused, and no reload of a service that stops
			r.waitForN(t, 2, `"msg":"audit"`, `"result":"refused"`)
			client.disconnect(t)
			if code := r.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if all := strings.Join(m.heard(), ""); strings.Count(all, "READY=1") != 3 || strings.Count(all, "RELOADING=1") != 2 || strings.Count(all, "STOPPING=1") != 1 ||
				strings.LastIndex(all, "READY=1") > strings.Index(all, "STOPPING=1") {
				t.Error("the messages are not those of a start, two reloads and a stop")
			}
		})
	}
}

// monotonic is the clock of MONOTONIC_USEC.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / int64(time.Microsecond)
}

// The variables may be those of a parent process.
func TestTheWatchdogOfAnotherProcessIsNotFed(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	m := startServiceManager(t, filepath.Join(r.dir, "notify"))
	r.startWith(t, m.environment("WATCHDOG_USEC=30000", "WATCHDOG_PID=1"), "serve", "-c", r.config)
	m.hear(t, 1, "READY=1")
	r.mustReload(t)
	r.signal(t, syscall.SIGTERM)
	r.exitCode(t)
	if fed := m.heard("WATCHDOG"); len(fed) > 0 {
		t.Errorf("it is fed: %q", fed)
	}
}

// A start that fails is never ready, and a service manager that is gone or hung stops nothing.
func TestServiceManagersThatDoNotListen(t *testing.T) {
	t.Parallel()
	for name, reads := range map[string]bool{"gone": false, "hung": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReloadee(t, nowhere)
			path := filepath.Join(r.dir, "notify")
			if reads {
				conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close() // nobody reads
			}
			m := serviceManager{address: path}
			r.startWith(t, m.environment("WATCHDOG_USEC=3000"), "serve", "-c", r.config)
			r.waitReady(t)
			for range 50 {
				r.signal(t, syscall.SIGHUP)
			}
			r.mustReload(t)
			if !reads {
				r.waitFor(t, `"level":"WARN"`, "the service manager cannot be told", path)
			}
			r.signal(t, syscall.SIGTERM)
			if code := r.exitCode(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
