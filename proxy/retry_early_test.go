package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/snapshot"
)

// Bytes that the client sends before its CONNACK are for the next node, too, up to a limit.
func TestBytesBeforeTheConnackAreForTheNextNodeToo(t *testing.T) {
	refusal := connackOf5(mqttparse.ServerBusy, "")
	inEachMode(t, func(t *testing.T, m mode) {
		for _, row := range []struct {
			size   int
			memory int64
			goesOn bool
		}{{1, 0, true}, {earlyBytes, 0, true}, {earlyBytes + 4096, 0, false}, {62_000, 60 << 10, false}} {
			t.Run(fmt.Sprintf("%d bytes of %d", row.size, row.memory), func(t *testing.T) {
				early := bytes.Repeat([]byte("e"), row.size)
				goesOn := row.goesOn && (!m.nodeWS || row.size < earlyBytes) // the headers of frames count
				settled := make(chan struct{})
				s := m.startStubs(t, func(c net.Conn) {
					readConnectFrom(c, row.size)
					<-settled
					_, _ = c.Write(refusal)
					_, _ = c.Read(make([]byte, 1))
				}, accepts(t))
				r := m.start(t, s.addresses, confirming, func(s *snapshot.Snapshot) { s.OpeningMemory = row.memory })
				c := r.dial()
				c.send(connect5)
				eventually(t, "the node is reached", func() bool { return s.met.Load() == 1 })
				for part := range slices.Chunk(early, 4096) {
					c.send(part)
				}
				eventually(t, "the bytes are kept, or dropped", func() (is bool) {
					r.inLoops(func(_ *loop, s *session) {
						kept := len(s.pending.bytes)
						is = goesOn && kept > row.size || !goesOn && kept == 0 && s.flow != nil
					})
					return is
				})
				close(settled)
				if goesOn {
					c.expect(connack5)
					got := make([]byte, len(early))
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, early) {
						t.Errorf("the echo is other bytes, or %v", err)
					}
				} else {
					c.expect(refusal)
				}
				_ = c.Close()
				r.waitLine("outcome=client_")
				if n := r.srv.Stats().OpeningMemory; n != 0 {
					t.Errorf("%d bytes are counted after the end", n)
				}
			})
		}
	})
}

// The memory for openings may run out while the next node is dialled: that node gets all bytes.
func TestBytesThatAreTooManyAreStillForTheNodeThatIsDialled(t *testing.T) {
	refusal, evicted := connackOf5(mqttparse.ServerBusy, ""), make(chan struct{})
	early := bytes.Repeat([]byte("e"), 30_000)
	var met atomic.Int32
	n := startNode(t, func(c net.Conn) {
		second := met.Add(1) == 2
		if second {
			<-evicted
		}
		over := tls.Server(c, nodeConfig())
		readConnectFrom(over, len(early))
		if second {
			_, _ = over.Write(connack5)
		} else {
			_, _ = over.Write(refusal)
		}
		_, _ = over.Read(make([]byte, 1))
	})
	r := mqttToMQTTS.start(t, []string{n.address(), n.address()}, confirming)
	c := r.dial()
	c.send(connect5)
	eventually(t, "the first node is reached", func() bool { return met.Load() == 1 })
	c.send(early)
	eventually(t, "the second node is dialled", func() bool { return met.Load() == 2 })
	r.srv.openingMemory.setLimit(1)
	r.inLoops(func(_ *loop, s *session) {
		if s.pending.early >= 0 || len(s.pending.bytes) == 0 {
			t.Errorf("%d more bytes would be kept beside %d", s.pending.early, len(s.pending.bytes))
		}
	})
	close(evicted)
	c.expect(connack5)
	_ = c.Close()
	r.waitLine("outcome=client_")
}

// A node that breaks while the client sends is noticed by a write or by a read. Either way the next one
// gets all bytes, once.
func TestAClientThatDoesNotWaitLosesNothing(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		breaks := func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			_ = tcp(c).SetLinger(0)
			_ = tcp(c).Close()
		}
		s := m.startStubs(t, append(slices.Repeat([]func(net.Conn){breaks}, 2), accepts(t))...)
		for range 10 {
			s.met.Store(0)
			r := m.start(t, s.addresses, confirming)
			c := r.dial()
			c.send(connect5)
			var sent []byte
			for i := range 100 {
				packet := []byte{0xC0, 0, 0x32, 2, byte(i), 0}
				sent = append(sent, packet...)
				c.send(packet)
			}
			c.expect(append(bytes.Clone(connack5), sent...))
			_ = c.Close()
			r.waitLine("outcome=client_")
			received := uint64(0)
			for _, f := range r.srv.Stats().Flows {
				received += f.Packets[ToNode].Packets
			}
			if want := uint64(201); received != want {
				t.Errorf("%d packets counted, want %d", received, want)
			}
			r.stop()
		}
	})
}

// A node that speaks WebSocket gets its own key, and the client's frames as they came.
func TestTheNextWebSocketNodeGetsItsOwnKeyAndTheSameFrames(t *testing.T) {
	asks := make(chan *asked, 2)
	frames := slices.Concat(clientFrame(finBinary, connect311), clientFrame(finPing, []byte("p")), clientFrame(finBinary, []byte("\xc0\x00")))
	got := make(chan []byte, 2)
	n := startUpgradeNode(t, func(a *asked) {
		asks <- a
		_, _ = io.WriteString(a, a.switching())
		b := make([]byte, len(frames))
		_, _ = io.ReadFull(a, b)
		got <- b
		if len(asks) == 2 {
			_, _ = a.Write(connackFrame)
			_, _ = a.Read(make([]byte, 1))
		}
	})
	r := wsToWS.start(t, []string{n.address(), n.address()}, confirming, func(s *snapshot.Snapshot) { s.Listeners[0].Pool.SendProxy = 2 })
	c := r.dial()
	c.Conn = c.Conn.(*framed).Conn
	c.send(frames)
	c.expect(connackFrame)
	for i := range 2 {
		if b := <-got; !bytes.Equal(b, frames) {
			t.Errorf("node %d has got % x, the client sent % x", i, b, frames)
		}
	}
	a, b := <-asks, <-asks
	if key := "Sec-Websocket-Key"; a.request.Header.Get(key) == b.request.Header.Get(key) {
		t.Error("both have got the same key")
	}
	if p := []byte("\r\n\r\n\x00\r\nQUIT\n"); !bytes.HasPrefix(a.first, p) || !bytes.HasPrefix(b.first, p) {
		t.Errorf("not both have got a PROXY header: %q, %q", a.first, b.first)
	}
	_ = c.Close()
}
