package health

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// mosquitto is a real broker that logs everything.
type mosquitto struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	log   []string // its lines since it was ready
}

// startMosquitto starts a broker on an address and returns when it listens.
func startMosquitto(t *testing.T, addr, settings string) *mosquitto {
	t.Helper()
	host, port, _ := net.SplitHostPort(addr)
	// Under another user Mosquitto could not read the keys. Without root it keeps its
	// user.
	file := proxytest.TempFile(t, "mosquitto.conf",
		fmt.Appendf(nil, "user root\nlistener %s %s\nlog_type all\nlog_dest stderr\n%s\n", port, host, settings))
	// A broker that does not end in time is killed and fails the test.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	m := &mosquitto{cmd: exec.CommandContext(ctx, proxytest.Program(t, "mosquitto"), "-c", file)}
	stderr, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.lines = bufio.NewScanner(stderr)
	var startup []string
	for m.lines.Scan() {
		startup = append(startup, m.lines.Text())
		if strings.HasSuffix(m.lines.Text(), " running") {
			return m
		}
	}
	m.cmd.Wait()
	t.Fatalf("mosquitto did not start:\n%s", strings.Join(startup, "\n"))
	return nil
}

// stop ends the broker. After that its log is complete.
func (m *mosquitto) stop(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for m.lines.Scan() {
		m.log = append(m.log, m.lines.Text())
	}
	if err := m.cmd.Wait(); err != nil {
		t.Errorf("mosquitto: %v", err)
	}
}

// The lines must be those of any client that connects, is idle and disconnects.
func TestProbeLeavesNoNoiseInMosquittosLog(t *testing.T) {
	const id = `mqttlbhealth[a-z0-9]{11}`
	ca := proxytest.NewCA("a CA")
	pair := ca.Issue("node.test").File(t)
	withTLS := fmt.Sprintf("allow_anonymous true\ncertfile %s\nkeyfile %s", pair, pair)
	with := func(version uint16) func(context.Context, net.Conn, *balancer.Node) (net.Conn, error) {
		config := ca.Trust("node.test")
		config.MinVersion, config.MaxVersion = version, version
		return secureWith(config)
	}
	mqtt := []string{
		`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
		`New client connected from 127\.0\.0\.1:\d+ as ` + id + ` \(p2, c1, k30\)\.`,
		`No will message specified\.`,
		`Sending CONNACK to ` + id + ` \(0, 0\)`,
		`Received DISCONNECT from ` + id,
		`Client ` + id + ` disconnected\.`,
	}
	tcp := []string{
		`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
		`Client <unknown> closed its connection\.`,
	}
	for _, tt := range []struct {
		name, settings string
		check          Check
		want           []string // the lines of one probe
	}{
		{"mqtt", "allow_anonymous true", Check{Probe: MQTT}, mqtt},
		{"mqtt, not authorised", "allow_anonymous false", Check{Probe: MQTT}, []string{
			`New connection from 127\.0\.0\.1:\d+ on port \d+\.`,
			`Sending CONNACK to 127\.0\.0\.1 \(0, 5\)`, // Mosquitto logs no name of a client that it refuses
			`Client <unknown> disconnected, not authorised\.`,
		}},
		{"tcp", "allow_anonymous true", Check{Probe: TCP}, tcp},
		{"mqtt, TLS 1.2", withTLS, Check{Probe: MQTT, Secure: with(tls.VersionTLS12)}, mqtt},
		{"mqtt, TLS 1.3", withTLS, Check{Probe: MQTT, Secure: with(tls.VersionTLS13)}, mqtt},
		{"tcp, TLS 1.2", withTLS, Check{Probe: TCP, Secure: with(tls.VersionTLS12)}, tcp},
		{"tcp, TLS 1.3", withTLS, Check{Probe: TCP, Secure: with(tls.VersionTLS13)}, tcp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := proxytest.FreeAddr(t, "127.0.0.1")
			m := startMosquitto(t, addr, tt.settings)
			n := newPool(t, addr).Nodes()[0]
			p := newProber(tt.check)
			const probes = 3
			for range probes {
				if r := p.probe(t.Context(), n); r.err != nil {
					t.Error(r.err)
				}
			}
			m.stop(t)
			lines := m.log[:max(0, len(m.log)-1)] // without the last one, which reports the end
			if len(lines) != probes*len(tt.want) {
				t.Fatalf("%d lines, want %d for each of %d probes:\n%s", len(lines), len(tt.want), probes, strings.Join(lines, "\n"))
			}
			for i, line := range lines {
				want := tt.want[i%len(tt.want)]
				if !regexp.MustCompile(`^\d+: ` + want + `$`).MatchString(line) {
					t.Errorf("%q, want %s", line, want)
				}
			}
		})
	}
}

// messages is a log handler that sends the messages on a channel.
type messages chan string

func (m messages) Write(line []byte) (int, error) {
	m <- string(bytes.TrimSpace(line))
	return len(line), nil
}

func TestCheckerSeesMosquittoDieAndReturn(t *testing.T) {
	addr := proxytest.FreeAddr(t, "127.0.0.1")
	m := startMosquitto(t, addr, "allow_anonymous true")
	pool := newPool(t, addr)
	n := pool.Nodes()[0]
	log := make(messages, 16)
	c := NewChecker(slog.New(slog.NewTextHandler(log, nil)))
	c.Apply(pool, Check{Probe: MQTT, Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Rise: 2, Fall: 3})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	defer running.Wait()
	defer cancel()

	// Mosquitto 2.0 ignores a SIGTERM between its last startup line and its main loop. An
	// answer shows that it has reached the main loop.
	if r := newProber(Check{Probe: MQTT}).probe(t.Context(), n); r.err != nil {
		t.Fatal(r.err)
	}
	m.stop(t)
	if line := <-log; !strings.Contains(line, "node is down") || n.Health() == balancer.Up {
		t.Fatalf("%s, healthy: %v", line, n.Health() == balancer.Up)
	}
	m = startMosquitto(t, addr, "allow_anonymous true") // Rise probes show that it has reached its main loop
	if line := <-log; !strings.Contains(line, "node is up") || n.Health() != balancer.Up {
		t.Fatalf("%s, healthy: %v", line, n.Health() == balancer.Up)
	}
	cancel()
	running.Wait()
	m.stop(t)
	if s := c.Status()[0]; s.State != balancer.Up || s.Failed < 3 || s.Passed < 2 || s.Last.IsZero() || s.Took <= 0 {
		t.Errorf("status %+v", s)
	}
}
