package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// confirmingWith is confirming with other limits.
func confirmingWith(c snapshot.Confirm) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.Confirm = c }
}

func TestAsManyNodesAreAskedAsThereAreAttempts(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		var all []func(net.Conn)
		for i := range 5 {
			all = append(all, says(t, connackOf5(mqttparse.ServerBusy, fmt.Sprint("node ", i+1)), anyEnd))
		}
		s := m.startStubs(t, all...)
		r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 3, Time: patience}))
		c := r.dial()
		c.send(connect5)
		c.expect(connackOf5(mqttparse.ServerBusy, "node 3"))
		_ = c.Close()
		if n := s.met.Load(); n != 3 {
			t.Errorf("%d nodes were asked", n)
		}
		r.wantRetries(RetryConnack, 2)
	})
}

func TestNoNodeIsAskedWhenTheTimeIsOver(t *testing.T) {
	over := make(chan struct{})
	refusal := connackOf5(mqttparse.ServerBusy, "")
	s := mqttToMQTT.startStubs(t, func(c net.Conn) {
		readConnectFrom(c, 0)
		<-over
		_, _ = c.Write(refusal)
		_, _ = c.Read(make([]byte, 1))
	}, accepts(t))
	r := mqttToMQTT.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 10, Time: 100 * time.Millisecond}))
	c := r.dial()
	c.send(connect5)
	eventually(t, "the end of the time", func() (is bool) {
		r.inLoops(func(l *loop, s *session) {
			is = s.step == stepConfirm && walkTime(l.Timers.Now()) >= s.pending.retryBy
		})
		return is
	})
	close(over)
	c.expect(refusal)
	_ = c.Close()
	if n := s.met.Load(); n != 1 {
		t.Errorf("%d nodes were asked", n)
	}
}

func TestWithoutConfirmTheFirstAnswerPasses(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		refusal := connackOf5(mqttparse.ServerBusy, "")
		s := m.startStubs(t, says(t, refusal, anyEnd), closes, resets, accepts(t))
		r := m.start(t, s.addresses)
		for i, want := range [][]byte{refusal, nil, nil} {
			c := r.dial()
			c.send(connect5)
			c.expect(want)
			if want == nil && len(c.rest()) > 0 {
				t.Errorf("client %d was told something", i)
			}
			_ = c.Close()
			r.waitLine("outcome=" + []string{"client_closed", "server_closed", "server_reset"}[i])
		}
		if n := r.retries(); n != [RetryReasons]uint64{} {
			t.Errorf("%v clients went on", n)
		}
	})
}

// A late answer of a silent node is for nobody.
func TestAClientOfASilentNodeGoesOnIfItMay(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		late := make(chan struct{})
		s := m.startStubs(t, func(c net.Conn) {
			readConnectFrom(c, 0)
			<-late
			_, before := c.Write(connackOf5(mqttparse.Success, "late"))
			if _, err := c.Read(make([]byte, 1)); !byReset(before) && !byReset(err) {
				t.Errorf("the silent node sees the end %v, %v", before, err)
			}
		}, accepts(t))
		r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 2, Time: patience, Silence: true}), func(s *snapshot.Snapshot) {
			s.Timeouts.Connack = time.Second
		})
		c := r.dial()
		c.send(connect5)
		c.expect(connack5)
		close(late)
		c.send([]byte("to the end"))
		c.expect([]byte("to the end"))
		r.wantRetries(RetrySilent, 1)
		_ = c.Close()
		r.waitLine("outcome=client_closed")
	})
}

func TestAClientWaitsForASilentNodeOtherwise(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		first := connackOf5(mqttparse.ServerBusy, "first")
		silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) }
		for _, retry := range []bool{false, true} { // with true the other node has refused before
			stubs := []func(net.Conn){silent, accepts(t)}
			if retry {
				stubs = []func(net.Conn){says(t, first, byReset), silent, accepts(t)}
			}
			s := m.startStubs(t, stubs...)
			r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 2, Time: patience, Silence: retry}), func(s *snapshot.Snapshot) {
				s.Timeouts.Connack = 500 * time.Millisecond
			})
			c := r.dial()
			c.send(connect5)
			c.expect(pick(retry, first, []byte("\x20\x03\x00\x88\x00")))
			_ = c.Close()
			r.waitOutcome(outcome.ConnackTimeout, 1)
		}
	})
}

// The client replies to the node that has sent the AUTH.
func TestAClientStaysWithANodeThatHasSentAnAuth(t *testing.T) {
	auth, refusal := []byte("\xf0\x06\x18\x04\x15\x00\x01x"), connackOf5(mqttparse.ServerBusy, "")
	inEachMode(t, func(t *testing.T, m mode) {
		for name, node := range map[string]func(net.Conn){
			"and then refuses": func(c net.Conn) {
				readConnectFrom(c, 0)
				_, _ = c.Write(auth)
				_, _ = io.ReadFull(c, make([]byte, len(auth)))
				_, _ = c.Write(refusal)
				_, _ = c.Read(make([]byte, 1))
			},
			"and refuses at once": says(t, append(bytes.Clone(auth), refusal...), anyEnd),
		} {
			t.Run(name, func(t *testing.T) {
				s := m.startStubs(t, node, accepts(t))
				r := m.start(t, s.addresses, confirming)
				c := r.dial()
				c.send(connect5)
				c.expect(auth)
				if name == "and then refuses" {
					c.send(auth)
				}
				c.expect(refusal)
				_ = c.Close()
				r.waitLine("connack=137")
				if n := s.met.Load(); n != 1 {
					t.Errorf("%d nodes were asked", n)
				}
			})
		}
	})
}

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
				s := m.startStubs(t, func(c net.Conn) {
					readConnectFrom(c, row.size)
					_, _ = c.Write(refusal)
					_, _ = c.Read(make([]byte, 1))
				}, accepts(t))
				r := m.start(t, s.addresses, confirming, func(s *snapshot.Snapshot) { s.OpeningMemory = row.memory })
				c := r.dial()
				c.send(connect5)
				eventually(t, "the node is reached", func() bool { return s.met.Load() == 1 })
				for part := range slices.Chunk(early, 4096-16) { // small frames have small headers, which count
					c.send(part)
				}
				if row.goesOn && !(m.clientWS() && m.nodeWS && row.size == earlyBytes) {
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

// A client whose stream has ended may be gone: it is not worth a session on another node.
func TestAClientThatHasEndedItsStreamStaysWithItsNode(t *testing.T) {
	refusal := connackOf5(mqttparse.ServerBusy, "")
	s := mqttToMQTT.startStubs(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_, _ = c.Write(refusal)
	}, accepts(t))
	r := mqttToMQTT.start(t, s.addresses, confirming)
	c := r.dial()
	c.send(connect5)
	c.halfClose()
	c.expect(refusal)
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	if n := s.met.Load(); n != 1 {
		t.Errorf("%d nodes were asked", n)
	}
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
		s := m.startStubs(t, breaks, breaks, accepts(t))
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
