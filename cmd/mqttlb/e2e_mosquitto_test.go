package main_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// mosquitto is a broker that logs every client and packet.
type mosquitto struct {
	*process
	name, addr    string
	program, conf string // what it was started with
}

// startMosquitto starts a broker for a node with this name.
func startMosquitto(t *testing.T, name string, settings ...string) *mosquitto {
	t.Helper()
	program := proxytest.Program(t, "/usr/sbin/mosquitto")
	m := &mosquitto{name: name, addr: proxytest.FreeAddr(t, "127.0.0.1"), program: program}
	host, port, _ := net.SplitHostPort(m.addr)
	config := append([]string{
		"listener " + port + " " + host,
		"allow_anonymous true",
		"log_dest stderr",
		"log_type all",
		"persistence false",
		"user root", // otherwise Mosquitto changes to a user that cannot read our files
	}, settings...)
	m.conf = filepath.Join(t.TempDir(), name+".conf")
	if err := os.WriteFile(m.conf, []byte(strings.Join(config, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.restart(t)
	return m
}

// restart starts the broker, on the same address as before.
func (m *mosquitto) restart(t *testing.T) {
	t.Helper()
	// Go gives its children the descriptor limit that it started with.
	m.process = start(t, m.name, exec.Command("sh", "-c", `ulimit -n "$(ulimit -Hn)"; exec "$0" -c "$1"`, m.program, m.conf))
	m.waitFor(t, "mosquitto version", "running")
}

// startMosquittos starts n brokers called a, b, c...
func startMosquittos(t *testing.T, n int, settings ...string) []*mosquitto {
	t.Helper()
	var all []*mosquitto
	for i := range n {
		all = append(all, startMosquitto(t, string(rune('a'+i)), settings...))
	}
	return all
}

// nodes returns these brokers as the nodes of a pool in the configuration.
func nodes(brokers ...*mosquitto) string {
	var b strings.Builder
	for _, m := range brokers {
		fmt.Fprintf(&b, "      - {name: %s, address: \"%s\"}\n", m.name, m.addr)
	}
	return b.String()
}

// connects returns how often each client has connected to this broker. It reads lines
// such as: New client connected from 127.0.0.1:40000 as sensor-1 (p2, c1, k0).
func (m *mosquitto) connects() map[string]int {
	times := map[string]int{}
	for _, line := range m.said("New client connected from") {
		if _, rest, ok := strings.Cut(line, " as "); ok {
			id, _, _ := strings.Cut(rest, " (")
			times[id]++
		}
	}
	return times
}

// homes returns the broker of each client. Every client must have connected that many
// times in all, and only to one broker.
func homes(t *testing.T, brokers []*mosquitto, clients []string, times int) map[string]*mosquitto {
	t.Helper()
	home := map[string]*mosquitto{}
	eventually(t, fmt.Sprintf("%d clients have connected %d times", len(clients), times), func() bool {
		clear(home)
		complete := 0
		for _, m := range brokers {
			connects := m.connects()
			for _, id := range clients {
				n := connects[id]
				if n > 0 && home[id] != nil {
					t.Fatalf("%s was on %s and on %s", id, home[id].name, m.name)
				}
				if n > times {
					t.Fatalf("%s has connected %d times to %s, want %d", id, n, m.name, times)
				}
				if n > 0 {
					home[id] = m
				}
				if n == times {
					complete++
				}
			}
		}
		return complete == len(clients)
	})
	return home
}
