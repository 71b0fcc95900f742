//go:build linux

package proxy

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// pumpRig makes a session in the relay between two socket pairs. No loop runs, so the inner step can
// be counted and timed alone.
func pumpRig(tb testing.TB) (l *loop, s *session, client, node int) {
	tb.Helper()
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "p", Nodes: []balancer.NodeSpec{{Name: "n", Address: "127.0.0.1:1"}}})
	if err != nil {
		tb.Fatal(err)
	}
	ln := &snapshot.Listener{Name: "l", Pool: &snapshot.Pool{Pool: pool}}
	srv := &Server{journal: newJournal(slog.New(slog.DiscardHandler))}
	l = &loop{Loop: new(reactor.Loop), server: srv, scratch: make([]byte, headroom+scratchSize), counters: newLedger()}
	l.current = newGeneration(&snapshot.Snapshot{Listeners: []*snapshot.Listener{ln}}, []*port{{}}, nil)
	s = l.newSession()
	pair := func() (ours, theirs int) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = unix.Close(fds[0]); _ = unix.Close(fds[1]) })
		return fds[0], fds[1]
	}
	var ourClient, ourServer int
	ourClient, client = pair()
	ourServer, node = pair()
	s.listener, s.flow, s.step = l.counters.listener(ln, l.current.ports[0]), l.counters.flow("l", "p", pool.Nodes()[0]), stepRelay
	s.version = mqttparse.V5
	s.client, s.server = stream{fd: int32(ourClient)}, stream{fd: int32(ourServer)}
	return l, s, client, node
}

// roundTrip moves a PUBLISH one way and its PUBACK the other.
func roundTrip(tb testing.TB, l *loop, s *session, client, node int, publish, puback, b []byte) {
	for _, leg := range []struct {
		from, to int
		half     *stream
		bytes    []byte
	}{{client, node, &s.client, publish}, {node, client, &s.server, puback}} {
		if _, err := unix.Write(leg.from, leg.bytes); err != nil {
			tb.Fatal(err)
		}
		leg.half.readable = true
		if l.relay(s) != stepWait {
			tb.Fatal("the session has ended")
		}
		if n, err := unix.Read(leg.to, b); err != nil || n != len(leg.bytes) {
			tb.Fatal(n, err)
		}
	}
}

// legs returns a PUBLISH of 80 bytes and its PUBACK, in frames that pass if both sides speak WebSocket.
func legs(s *session, framed bool) (publish, puback []byte) {
	publish, puback = append([]byte("\x32\x4e\x00\x01a\x00\x01"), make([]byte, 73)...), []byte("\x40\x02\x00\x01")
	if framed {
		s.frames = new([2]websocket.Follower)
		return clientFrame(finBinary, publish), websocket.AppendFrame(nil, websocket.Binary, puback)
	}
	return publish, puback
}

func TestRelayAllocatesNothing(t *testing.T) {
	for _, framed := range []bool{false, true} {
		l, s, client, node := pumpRig(t)
		publish, puback := legs(s, framed)
		b := make([]byte, 128)
		if n := testing.AllocsPerRun(1000, func() { roundTrip(t, l, s, client, node, publish, puback, b) }); n != 0 {
			t.Errorf("framed %v: %v allocations a round trip", framed, n)
		}
		if s.client.moved != s.flow.Received || s.flow.Received != uint64(1001*len(publish)) || s.flow.Sent != uint64(1001*len(puback)) {
			t.Errorf("framed %v: counted %d, %d and %d bytes", framed, s.client.moved, s.flow.Received, s.flow.Sent)
		}
		if s.flow.Packets != [2]PacketStats{{Packets: 1001, Publish: [3]uint64{0, 1001}}, {Packets: 1001}} {
			t.Errorf("framed %v: counted packets %+v", framed, s.flow.Packets)
		}
	}
}

// BenchmarkRelayRoundTrip includes the peers' reads and writes, which are half of its system calls.
func BenchmarkRelayRoundTrip(b *testing.B) {
	for name, framed := range map[string]bool{"plain": false, "frames pass": true} {
		b.Run(name, func(b *testing.B) {
			l, s, client, node := pumpRig(b)
			publish, puback := legs(s, framed)
			buf := make([]byte, 128)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, l, s, client, node, publish, puback, buf)
			}
		})
	}
}

func BenchmarkAnnounce(b *testing.B) {
	source, destination := netip.MustParseAddrPort("192.0.2.7:40000"), netip.MustParseAddrPort("192.0.2.9:1883")
	var header [headroom]byte
	b.ReportAllocs()
	for b.Loop() {
		if _, err := appendProxyHeader(header[:0], 2, source, destination); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnnounceAllocatesNothing(t *testing.T) {
	var header [headroom]byte
	for _, a := range []string{"192.0.2.7:40000", "[2001:db8::7]:40000"} {
		source, destination := netip.MustParseAddrPort(a), netip.MustParseAddrPort("192.0.2.9:1883")
		if n := testing.AllocsPerRun(1000, func() { _, _ = appendProxyHeader(header[:0], 2, source, destination) }); n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

func BenchmarkRoute(b *testing.B) {
	l, _, _, _ := pumpRig(b)
	c := l.current.Listeners[0].Pool
	source := netip.MustParseAddr("192.0.2.7")
	b.ReportAllocs()
	for b.Loop() {
		key, keyed := opening.SessionKey(c, nil, source, nil)
		candidates := c.Candidates(balancer.Client{Key: key, Keyed: keyed})
		if candidates.Next() == nil {
			b.Fatal("no node")
		}
	}
}

// The size of a session bounds the memory of a million idle ones.
func TestSessionStaysSmall(t *testing.T) {
	const most = 232 // 32 of them follow and count the packets of both directions, 16 are for the list of sessions
	if size := int(unsafe.Sizeof(session{})); size > most {
		t.Errorf("a session has %d bytes, at most %d are meant", size, most)
	}
}

// epoll reports once that a client is gone. The node's backlog may begin after that.
func TestClientThatBreaksBeforeItsNodeIsFullIsLetGo(t *testing.T) {
	l, s, client, _ := pumpRig(t)
	var err error
	if l.Loop, err = reactor.NewLoop(l, time.Now()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.current.Timeouts.HalfClosed = patience
	for { // fill the sockets to the node, and then the client's own
		_, err := unix.Write(client, make([]byte, 4096))
		if err == unix.EAGAIN && s.server.kept != nil {
			break
		}
		if err == unix.EAGAIN {
			s.client.readable = true
			if l.relay(s) != stepWait {
				t.Fatal("the session has ended")
			}
		}
	}
	held := s.server.kept.bytes
	s.server.kept = nil // as if the node had read it just before the event
	_ = unix.Shutdown(client, unix.SHUT_RDWR)
	l.event(s, &s.client, reactor.Input|reactor.InputHungUp|reactor.HungUp|reactor.Failed)
	if s.server.kept == nil || len(held) == 0 {
		t.Fatal("the node took everything")
	}
	if s.deadline == 0 || s.timer == 0 || s.outcome != outcome.ClientReset {
		t.Errorf("deadline %d, timer %d, outcome %v: it would stay for ever", s.deadline, s.timer, s.outcome)
	}
}

func TestBytesThatWaitAreNoSilence(t *testing.T) {
	for name, c := range map[string]struct {
		from        string
		byKeepAlive bool
		held        bool // a backlog for the client, which reads nothing
		want        bool
	}{
		"none":                        {},
		"the client's":                {from: "client", want: true},
		"the client's, by keep alive": {from: "client", byKeepAlive: true, want: true},
		"the node's":                  {from: "node", want: true},
		"the node's, by keep alive":   {from: "node", byKeepAlive: true},
		"the node's, for a client that reads none": {from: "node", held: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, client, node := pumpRig(t)
			s.byKeepAlive = c.byKeepAlive
			if c.held {
				l.keepUnsent(&s.client, []byte("x"))
			}
			if c.from != "" {
				if _, err := unix.Write(pick(c.from == "client", client, node), []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if got := stillSending(s); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// net/http may keep a connection for hours after a loop has read its beginning.
func TestWhatALoopHadReadIsNotKept(t *testing.T) {
	c := &borrowedConn{rest: make([]byte, 10)}
	for c.rest != nil {
		if n, err := c.Read(make([]byte, 4)); n == 0 || err != nil {
			t.Fatal(n, err)
		}
		if c.rest != nil && len(c.rest) == 0 {
			t.Fatal("an empty slice keeps its array")
		}
	}
}
