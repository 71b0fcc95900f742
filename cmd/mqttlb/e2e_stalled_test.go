package main_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// stall opens a connection from an address, sends some bytes and then nothing more until the test ends. It waits for n
// bytes of an answer.
func stall(t *testing.T, from netip.Addr, to string, says []byte, n int) {
	t.Helper()
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Write(says); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		t.Fatalf("the answer of a handshake that stalls: %v", err)
	}
}

// clientHello returns the ClientHello of a TLS client.
var clientHello = sync.OnceValues(func() ([]byte, error) {
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends when the pipe is closed
		_ = tls.Client(here, &tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}).Handshake()
	}()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	return b[:n], err
})

// Handshakes that stall, before a whole ClientHello or after the ServerHello, delay nobody else.
func TestStalledHandshakesHoldUpNobody(t *testing.T) {
	t.Parallel()
	hello, err := clientHello()
	if err != nil {
		t.Fatal(err)
	}
	broker := startMosquitto(t, "a")
	l := newLab(t)
	for _, addresses := range []int{1, 200} {
		t.Run(fmt.Sprintf("from %d addresses", addresses), func(t *testing.T) {
			const short, silent = 1200, 300
			b := serve(t, brokersOver(l.tls(), broker)+"timeouts: {connect_packet: 1m}\n")
			source := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 1, 0, byte(1 + i%addresses)}) }
			for i := range short {
				stall(t, source(i), b.addrs["mqtts"], hello[:1+i%(len(hello)-1)], 0)
			}
			for i := range silent {
				stall(t, source(i), b.addrs["mqtts"], hello, 3)
			}
			stalled := func() float64 { return b.metrics(t).sum(t, "mqttlb_connections_open") }
			eventually(t, "every stalled one is there", func() bool { return stalled() == short+silent })
			c, err := (&tls.Dialer{Config: l.client(t, "")}).DialContext(t.Context(), "tcp", b.addrs["mqtts"])
			if err != nil {
				t.Fatalf("a good client's handshake: %v", err)
			}
			c.Close()
			if n := stalled(); n < short+silent {
				t.Errorf("the good client was let in when %v of %d others had gone", short+silent-n, short+silent)
			}
		})
	}
}

// The memory of unfinished openings is limited. At the limit the address that holds the most loses connections.
func TestOpeningMemoryIsTakenFromTheAddressThatHoldsMost(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`+nodes(broker)+`
limits: {opening_memory: 1MiB, max_connect_size: 1MiB}
timeouts: {connect_packet: 1m}
`)
	greedy, modest := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	stall(t, modest, b.addrs["mqtt"], []byte("\x10\x0d"), 0)
	begun := append([]byte("\x10\xff\xff\x03\x00\x04MQTT\x04\x02\x00\x00\x7f\xff"), make([]byte, 32<<10)...)
	const flood = 100
	for range flood {
		stall(t, greedy, b.addrs["mqtt"], begun, 0)
	}
	for _, s := range b.sessionsEnded(t, flood/2, `"outcome":"opening_memory"`, "limits.opening_memory is used up") {
		if !strings.HasPrefix(s.Client, greedy.String()+":") {
			t.Errorf("evicted %s", s.Client)
		}
	}
	join(t, b.addrs["mqtt"], "", 4, "good").disconnect(t)
}

// A refused client counts in no limit, however long it stays connected.
func TestRefusedClientsThatStayUseUpNoLimit(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers, max_connections: 10}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`+nodes(broker))
	var inside []*wire
	for i := range 10 {
		inside = append(inside, join(t, b.addrs["mqtt"], "", 5, fmt.Sprintf("inside-%d", i)))
	}
	for i := range 200 { // none of them closes
		w := dialWire(t, b.addrs["mqtt"], "")
		if code, err := w.connect(5, fmt.Sprintf("outside-%d", i)); err != nil || code != quotaExceeded {
			t.Fatalf("code 0x%02x, error %v", code, err)
		}
	}
	for _, w := range inside {
		w.disconnect(t)
	}
	b.sessionsEnded(t, 10, `"inside-`)
	for i := range 10 {
		join(t, b.addrs["mqtt"], "", 5, fmt.Sprintf("next-%d", i))
	}
}
