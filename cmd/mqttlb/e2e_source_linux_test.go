package main_test

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// sourceBroker is a broker that notes where its connections come from.
type sourceBroker struct {
	addr    string
	mu      sync.Mutex // guards sources
	sources map[string]int
}

func startSourceBroker(t *testing.T) *sourceBroker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &sourceBroker{addr: ln.Addr().String(), sources: map[string]int{}}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with ln
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.sources[c.RemoteAddr().(*net.TCPAddr).IP.String()]++
			b.mu.Unlock()
			serving.Go(func() { serveConnect(c) }) // ends with the balancer, which has ended
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return b
}

// serveConnect accepts one client, if it says CONNECT, and waits for its end.
func serveConnect(c net.Conn) {
	defer c.Close()
	first := make([]byte, 256)
	n, _ := c.Read(first)
	switch {
	case n > 8 && first[8] == 5:
		_, _ = c.Write([]byte("\x20\x03\x00\x00\x00"))
	case n > 8:
		_, _ = c.Write([]byte("\x20\x02\x00\x00"))
	}
	_, _ = io.Copy(io.Discard, c)
}

func (b *sourceBroker) from(source string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sources[source]
}

// joinFrom opens a session from an address, with a port that other addresses may use, too, and returns the reason code
// of its CONNACK.
func joinFrom(t *testing.T, to string, n int) (c net.Conn, code byte) {
	t.Helper()
	const bindAddressNoPort = 24
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n/200), byte(1+n%200))},
		Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1) })
		},
	}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	id := fmt.Sprintf("id-%05d", n)
	fmt.Fprintf(c, "\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x00\x00%c%s", len(id), id)
	answer := make([]byte, 5)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	return c, answer[3]
}

// Sessions and probes begin at the sources of the pool. When these have few ports left there is an alarm; without any
// sessions are refused, and the node, whose probes cannot be made either, stays up.
func TestSourceAddressesAndTheirExhaustion(t *testing.T) {
	if !proxytest.OwnNetwork(t) {
		return
	}
	broker := startSourceBroker(t)
	r := newReloadee(t, fmt.Sprintf("      - {name: a, address: %q}\n", broker.addr))
	r.health = "{probe: mqtt, interval: 2s, timeout: 2s, rise: 1, fall: 1}"
	r.more = "    source: [127.0.0.2, 127.0.0.3, 203.0.113.9]\n"
	r.put(t)
	out, code := mqttlb(t, "check", r.config)
	if code != 0 || !strings.Contains(out, `warning: pools[0].source[2]: pool "brokers": source 203.0.113.9 is no address of this host`) ||
		!strings.Contains(out, "connections to nodes begin at 3 addresses: 127.0.0.2, 127.0.0.3, 203.0.113.9") {
		t.Errorf("check: %d\n%s", code, out)
	}
	if _, code := mqttlb(t, "check", "--strict", r.config); code != 1 {
		t.Errorf("check --strict: %d", code)
	}
	r.run(t)
	proxytest.Sysctl(t, "ipv4/ip_local_port_range", "20000 20049")
	alarms := func() string { return strings.Join(strings.Fields(r.must(t, "alarms")), " ") }
	if out := alarms(); !strings.Contains(out, "source_address_missing brokers/203.0.113.9") || strings.Contains(out, "nearly") {
		t.Errorf("alarms: %s", out)
	}

	refused := 0
	var last net.Conn
	for n := 0; refused == 0; n++ {
		var code byte
		switch last, code = joinFrom(t, r.addrs["mqtt"], n); code {
		case 0:
		case 0x89:
			refused++
		default:
			t.Fatalf("session %d: code %#x", n, code)
		}
		if n == 70 {
			if out := alarms(); strings.Contains(out, "nearly") {
				t.Errorf("alarms with 71 sessions: %s", out)
			}
		}
		if n > 100 {
			t.Fatal("more sessions than ports")
		}
	}
	last.Close()
	r.waitFor(t, `"outcome":"no_ports"`, "no port of source 127.0.0.", "pools[].source")
	for _, source := range []string{"127.0.0.2", "127.0.0.3"} {
		if out, want := alarms(), "source_ports_nearly_used "+source+" to "+broker.addr; !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	eventually(t, "probes that cannot be made", func() bool {
		return r.metrics(t).sum(t, "mqttlb_node_probes_total", `result="not_made"`) > 0
	})
	m := r.metrics(t)
	if failed, errors, shortages := m.sum(t, "mqttlb_node_probes_total", `result="failed"`), m.sum(t, "mqttlb_dial_errors_total"), m.sum(t, "mqttlb_dial_shortages_total"); failed != 0 || errors != 0 || shortages < 1 {
		t.Errorf("%v probes have failed, %v dial errors, %v shortages", failed, errors, shortages)
	}
	if out := r.must(t, "nodes"); !strings.Contains(out, "up") || strings.Contains(out, "down") {
		t.Errorf("nodes:\n%s", out)
	}
	if all, most := m.sum(t, "mqttlb_source_ports_used"), m.sum(t, "mqttlb_source_ports_max"); most != 50 || all < 80 || all > 100 {
		t.Errorf("%v ports are used, of %v for each source", all, most)
	}
	if n := m.sum(t, "mqttlb_source_ports_used", `source="127.0.0.3"`); n < 40 || n > 50 {
		t.Errorf("%v ports of one source are used", n)
	}
	if broker.from("127.0.0.1") != 0 || broker.from("127.0.0.2") < 40 || broker.from("127.0.0.3") < 40 {
		t.Errorf("the broker sees %v", broker.sources)
	}

	// Another source by a reload is the way out.
	r.more = "    source: [127.0.0.2, 127.0.0.3, 127.0.0.4]\n"
	r.put(t)
	r.mustReload(t)
	for n := range 5 {
		if _, code := joinFrom(t, r.addrs["mqtt"], 200+n); code != 0 {
			t.Errorf("after the reload: code %#x", code)
		}
	}
	if broker.from("127.0.0.4") < 5 {
		t.Errorf("the broker sees %v", broker.sources)
	}
}

// Without the capability a transparent pool is refused at the start, and check says so.
func TestTransparentNeedsACapability(t *testing.T) {
	t.Parallel()
	b := configure(t, oneBroker+"      - {name: a, address: \"127.0.0.1:1\"}\n    transparent: true\n")
	const want = `pools[0].transparent: pool "brokers": needs the capability CAP_NET_ADMIN or CAP_NET_RAW`
	for _, args := range [][]string{{"check", "--strict", b.config}, {"serve", "-c", b.config}} {
		cmd := exec.Command(builtBinary(t), args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{ // a namespace of users has no power over the network outside of it
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: syscall.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: syscall.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Skip("no namespace of users can be made here:", err)
		}
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(strings.ReplaceAll(string(out), `\"`, `"`), want) {
			t.Errorf("%v: exit code %d\n%s", args, cmd.ProcessState.ExitCode(), out)
		}
	}
}
