//go:build linux

package bench

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// testTimeout ends a test that hangs; no other test waits for it.
const testTimeout = 20 * time.Second

// serveBroker runs a stub broker until the test ends.
func serveBroker(t *testing.T) *Broker {
	t.Helper()
	return serveBrokerAt(t, "127.0.0.1:0")
}

func serveBrokerAt(t *testing.T, addresses ...string) *Broker {
	t.Helper()
	b, err := ListenBroker(addresses...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
		b.Close()
	})
	return b
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func newFleet(t *testing.T, o Options) *Fleet {
	t.Helper()
	f, err := NewFleet(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// exchange connects all clients and publishes until n messages are acknowledged.
func exchange(t *testing.T, target netip.AddrPort, o Options, p Publishing, n uint64) *Stats {
	t.Helper()
	ctx := testContext(t)
	o.Targets = []netip.AddrPort{target}
	f := newFleet(t, o)
	if err := f.Publish(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Connect(ctx); err != nil {
		t.Fatal(err, f.Stats())
	}
	s := f.Stats()
	if s.Connected != o.Clients {
		t.Fatalf("%d of %d clients connected: %v", s.Connected, o.Clients, s.Causes)
	}
	if err := f.Run(ctx, func() bool { return s.Acked >= n || s.Lost > 0 }); err != nil {
		t.Fatal(err, s)
	}
	if s.Lost > 0 {
		t.Fatalf("lost %d connections: %v", s.Lost, s.Causes)
	}
	return s
}

func TestEveryVersionAndQoSIsAcknowledged(t *testing.T) {
	b := serveBroker(t)
	for version := byte(3); version <= 5; version++ {
		for qos := byte(1); qos <= 2; qos++ {
			s := exchange(t, b.Addrs()[0],
				Options{Clients: 10, Version: version, Prefix: "p", KeepAlive: 60, Username: "u", Password: "s"},
				Publishing{Topic: "t/%i", QoS: qos, Size: 64, Inflight: 4}, 1000)
			if s.Ack.TotalCount() < 1000 {
				t.Errorf("version %d QoS %d: %d latencies recorded", version, qos, s.Ack.TotalCount())
			}
		}
	}
}

func TestOpenLoopSendsWhatIsDueAndNoMore(t *testing.T) {
	b := serveBroker(t)
	ctx := testContext(t)
	f := newFleet(t, Options{Targets: b.Addrs(), Clients: 20})
	if err := f.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := f.Publish(Publishing{Topic: "t", QoS: 0, Size: 8, Interval: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	s := f.Stats()
	if err := f.Run(ctx, func() bool { return s.Published >= 2000 }); err != nil {
		t.Fatal(err)
	}
	// However slow the machine, the fleet is never ahead of the schedule.
	due := 20 * (uint64(time.Since(began)/(5*time.Millisecond)) + 1)
	if s.Published > due {
		t.Errorf("%d messages published, %d were due", s.Published, due)
	}
}

func TestOpenLoopCountsTheWaitOfAMessageThatCouldNotBeSent(t *testing.T) {
	ctx := testContext(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	release := make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- slowAcks(l, release) }() // ends with its connection
	f := newFleet(t, Options{Targets: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Clients: 1})
	if err := f.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.Publish(Publishing{Topic: "t", QoS: 1, Size: 8, Interval: 10 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	// The first message is not acknowledged until ten more are due.
	if err := f.RunFor(ctx, 105*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	s := f.Stats()
	if s.Published != 1 {
		t.Fatalf("%d messages in flight, one is allowed", s.Published)
	}
	close(release)
	if err := f.Run(ctx, func() bool { return s.Acked >= 10 || s.Lost > 0 }); err != nil {
		t.Fatal(err)
	}
	// The second was due 10 ms after the first: it has waited for 90 ms. Measured from its
	// sending, the wait would be 0.
	if waited := time.Duration(s.Ack.ValueAtQuantile(50)); waited < 40*time.Millisecond {
		t.Errorf("the median latency is %v", waited)
	}
	f.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// slowAcks accepts one client, and acknowledges nothing before release is closed.
func slowAcks(l net.Listener, release <-chan struct{}) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	var fr framer
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil // the fleet resets its connections
		}
		for piece := buf[:n]; len(piece) > 0; {
			var p packet
			if p, piece, err = fr.next(piece, false); err != nil {
				return err
			}
			if p.first == typeConnect {
				if _, err := conn.Write([]byte{typeConnack, 2, 0, 0}); err != nil {
					return err
				}
			}
			if p.qos() == 1 && p.first&0xf0 == typePublish {
				<-release
				if _, err := conn.Write(appendAck(nil, typePuback, p.id)); err != nil {
					return nil
				}
			}
		}
	}
}

func TestChurnOpensAndResetsConnections(t *testing.T) {
	b := serveBroker(t)
	ctx := testContext(t)
	f := newFleet(t, Options{Targets: b.Addrs(), Clients: 8, Churn: true})
	s := f.Stats()
	if err := f.Run(ctx, func() bool { return s.Connects >= 500 || s.Failed > 0 }); err != nil {
		t.Fatal(err)
	}
	if s.Failed+s.Refused+s.Lost > 0 || s.Open > 8 {
		t.Errorf("%+v", *s)
	}
	f.Close()
	gone(t, b)
}

// answering runs a server, until the test ends, that reads once, writes s and closes.
func answering(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	return netip.MustParseAddrPort(proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = conn.Write([]byte(s))
	}))
}

// nobody is an address where nobody listens.
var nobody = netip.MustParseAddrPort("127.0.0.1:1")

func TestRefusedFailedAndLostConnectionsAreCountedApart(t *testing.T) {
	for _, c := range []struct {
		name   string
		target netip.AddrPort
		count  func(*Stats) uint64
		cause  string
	}{
		{"refused", answering(t, "\x20\x02\x00\x05"), func(s *Stats) uint64 { return s.Refused }, "CONNACK with code 0x05"},
		{"closed without a word", answering(t, ""), func(s *Stats) uint64 { return s.Failed }, "closed by the server"},
		{"not MQTT", answering(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), func(s *Stats) uint64 { return s.Failed }, ""},
		{"nobody listens", nobody, func(s *Stats) uint64 { return s.Failed }, "connect: connection refused"},
		{"lost", answering(t, "\x20\x02\x00\x00"), func(s *Stats) uint64 { return s.Lost }, "closed by the server"},
	} {
		ctx := testContext(t)
		f := newFleet(t, Options{Targets: []netip.AddrPort{c.target}, Clients: 5})
		s := f.Stats()
		if err := f.Run(ctx, func() bool { return c.count(s) == 5 }); err != nil {
			t.Fatalf("%s: %v: %+v", c.name, err, *s)
		}
		if s.Refused+s.Failed+s.Lost != 5 || s.Open != 0 || s.Connected != 0 {
			t.Errorf("%s: %+v", c.name, *s)
		}
		if c.cause != "" && s.Causes[c.cause] != 5 {
			t.Errorf("%s: causes are %v", c.name, s.Causes)
		}
	}
}

func TestSourceAddressesAreTakenInTurn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := newFleet(t, Options{
		Targets: []netip.AddrPort{netip.MustParseAddrPort(l.Addr().String())}, Clients: 4,
		Sources: []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")},
	})
	f.step()
	seen := map[string]int{}
	for range 4 {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		seen[conn.RemoteAddr().(*net.TCPAddr).IP.String()]++
		conn.Close()
	}
	if seen["127.0.0.2"] != 2 || seen["127.0.0.3"] != 2 {
		t.Errorf("connections came from %v", seen)
	}
}

func TestFleetGrows(t *testing.T) {
	b := serveBroker(t)
	ctx := testContext(t)
	f := newFleet(t, Options{Targets: b.Addrs(), Clients: 3, KeepAlive: 1})
	for _, n := range []int{3, 50, 20, 200} {
		f.Grow(n)
		if err := f.Connect(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if s := f.Stats(); s.Connected != 200 || int(b.Stats().Connects.Load()) != 200 {
		t.Errorf("%d connected, the broker has seen %d", s.Connected, b.Stats().Connects.Load())
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	target := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1883")}
	for name, o := range map[string]Options{
		"no target":     {Clients: 1},
		"no client":     {Targets: target},
		"version 6":     {Targets: target, Clients: 1, Version: 6},
		"negative rate": {Targets: target, Clients: 1, ConnectRate: -1},
	} {
		if f, err := NewFleet(o); err == nil {
			f.Close()
			t.Errorf("%s: no error", name)
		}
	}
	f := newFleet(t, Options{Targets: target, Clients: 1})
	for name, p := range map[string]Publishing{
		"no topic":         {QoS: 1},
		"QoS 3":            {Topic: "t", QoS: 3},
		"closed loop of 0": {Topic: "t"},
		"a stamp in 4":     {Topic: "t", QoS: 1, Size: 4, Stamp: true},
		"256 MB":           {Topic: "t", QoS: 1, Size: 256 << 20},
	} {
		if err := f.Publish(p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
