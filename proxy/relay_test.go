package proxy

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

func TestBytesAfterTheConnectArriveInOrder(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()})
		c := r.dial()
		c.send(append(bytes.Clone(connect311), "\xc0\x00one"...)) // in one write with the CONNECT
		c.expect(append(bytes.Clone(connack311), "\xc0\x00one"...))
		c.send([]byte("two"))
		c.expect([]byte("two"))
		_ = c.Close()
		r.waitOutcome(outcome.ClientClosed, 1)
		moved := "received=24 sent=12"
		if m.clientWS() {
			moved = "received=" // more for the upgrade and the frames
		}
		r.waitLine("client_id=c1 version=3.1.1 node=node-a " + moved)
	})
}

// Each side writes random pieces at random times while the other reads them.
func TestBulkBothWaysIsDeliveredOnceAndInOrder(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		const size = 32 << 20
		var fromClient, fromNode [32]byte
		received := make(chan struct{})
		backend := m.startNode(t, func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, len(connect311)))
			_, _ = c.Write(connack311)
			done := make(chan struct{})
			go func() { // ends when all is written
				defer close(done)
				fromNode = sendNoise(t, c, 2, size)
			}()
			fromClient = digest(t, c, size)
			<-done
			close(received)
		})
		r := m.start(t, []string{backend.address()})
		c := r.open("c1")
		sent := make(chan [32]byte)
		go func() { // ends when all is written
			sent <- sendNoise(t, c, 1, size)
		}()
		got, want := digest(t, c, size), <-sent
		select {
		case <-received:
		case <-time.After(patience):
			t.Fatal("the node still waits for bytes")
		}
		if got != fromNode {
			t.Error("the client received something else than the node sent")
		}
		if fromClient != want {
			t.Error("the node received something else than the client sent")
		}
	})
}

// sendNoise writes size bytes in pieces of random length, both given by the
// seed, and returns their digest.
func sendNoise(t *testing.T, w io.Writer, seed uint64, size int) [32]byte {
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	h := sha256.New()
	b := make([]byte, 300<<10)
	for size > 0 {
		n := min(1+int(rng.Uint64()%uint64(len(b))), size)
		_, _ = rng.Read(b[:n])
		h.Write(b[:n])
		if _, err := w.Write(b[:n]); err != nil {
			t.Error("send:", err)
			return [32]byte{}
		}
		size -= n
	}
	return [32]byte(h.Sum(nil))
}

func digest(t *testing.T, r io.Reader, size int64) [32]byte {
	h := sha256.New()
	if n, err := io.CopyN(h, r, size); err != nil {
		t.Errorf("received %d of %d bytes: %v", n, size, err)
	}
	return [32]byte(h.Sum(nil))
}

// A reader that stops costs at most one scratch buffer for each direction and delays no other session.
func TestSlowReaderIsHeldBackAndHoldsNobodyElseBack(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		const much = 64 << 20
		wrote := make(chan int64, 1)
		backend := m.startNode(t, func(c net.Conn) {
			b := make([]byte, 64)
			n, _ := c.Read(b)
			_, _ = c.Write(connack311)
			if !bytes.Contains(b[:n], []byte("slow")) {
				_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
				return
			}
			sent, _ := io.CopyN(c, zeros{}, much)
			wrote <- sent
		})
		r := m.start(t, []string{backend.address()})
		slow := r.open("slow")
		// The session is full once there is a backlog for the client.
		eventually(t, "back-pressure", func() bool { return r.held() > 0 })
		most := scratchSize
		if m.tls {
			most += scratchSize / (16 << 10) * 22 // the overhead of each record
		}
		if held := r.held(); held > most {
			t.Errorf("%d bytes are held for one reader", held)
		}
		other := r.open("other")
		for range 100 {
			other.send([]byte("ping"))
			other.expect([]byte("ping"))
		}
		if n, err := io.CopyN(io.Discard, slow, much); err != nil {
			t.Fatalf("%d of %d bytes once the reader went on: %v", n, much, err)
		}
		if n := <-wrote; n != much {
			t.Errorf("the node could write %d of %d", n, much)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestHalfCloseTravelsBothWays(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		t.Run("client first", func(t *testing.T) {
			backend := m.startNode(t, func(c net.Conn) {
				b, _ := io.ReadAll(c) // to the client's end of stream
				_, _ = c.Write(connack311)
				_, _ = c.Write(b)
			})
			r := m.start(t, []string{backend.address()})
			c := r.dial()
			c.send(connect311)
			c.send([]byte("last"))
			c.halfClose()
			c.expect(append(append(bytes.Clone(connack311), connect311...), "last"...))
			if rest := c.rest(); len(rest) > 0 {
				t.Errorf("then % x", rest)
			}
			r.waitOutcome(outcome.ClientClosed, 1)
		})
		t.Run("node first", func(t *testing.T) {
			if m.translated() {
				t.Skip("the close frame that ends the node's stream ends the client's too")
			}
			got := make(chan []byte, 1)
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(connack311)
				_ = tcp(c).CloseWrite()
				b, _ := io.ReadAll(c)
				got <- b
			})
			r := m.start(t, []string{backend.address()})
			c := r.open("c1")
			if rest := c.rest(); len(rest) > 0 {
				t.Errorf("then % x", rest)
			}
			c.send([]byte("still here"))
			_ = c.Close()
			if b := <-got; string(b) != "still here" {
				t.Errorf("the node got %q", b)
			}
			r.waitOutcome(outcome.ServerClosed, 1)
		})
		t.Run("while the other side is full", func(t *testing.T) {
			const size = 8 << 20
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(connack311)
				sendNoise(t, c, 3, size)
			})
			r := m.start(t, []string{backend.address()})
			c := r.open("c1")
			eventually(t, "back-pressure", func() bool { return r.held() > 0 })
			if got, want := digest(t, c, size), sendNoise(t, io.Discard, 3, size); got != want {
				t.Error("bytes sent before the end were lost")
			}
			if rest := c.rest(); len(rest) > 0 {
				t.Errorf("%d bytes too many", len(rest))
			}
		})
	})
}

func TestHalfThatStaysOpenSilentlyIsEnded(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		end := make(chan struct{})
		backend := m.startNode(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_, _ = c.Write(connack311)
			_, _ = io.Copy(io.Discard, c)
			<-end // a node that does not close before the end of this test
		})
		r := m.startShortWaits(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Timeouts.HalfClosed = 50 * time.Millisecond })
		t.Cleanup(func() { close(end) })
		c := r.open("c1")
		c.halfClose()
		r.waitOutcome(outcome.HalfClosedTimeout, 1)
	})
}

func TestResetTravelsBothWays(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		for _, after := range []string{"CONNECT", "CONNACK"} {
			t.Run("client's after "+after, func(t *testing.T) {
				seen := make(chan error, 1)
				arrived := make(chan struct{})
				backend := m.startNode(t, func(c net.Conn) {
					_, _ = c.Read(make([]byte, 64))
					if after == "CONNACK" {
						_, _ = c.Write(connack311)
					}
					close(arrived)
					_, err := c.Read(make([]byte, 64))
					seen <- err
				})
				r := m.start(t, []string{backend.address()})
				c := r.dial()
				c.send(connect311)
				<-arrived
				if after == "CONNACK" {
					c.expect(connack311)
				}
				c.reset()
				if err := <-seen; err == nil || err == io.EOF {
					t.Errorf("the node saw %v, want a reset", err)
				}
				r.waitOutcome(outcome.ClientReset, 1)
			})
			t.Run("node's after "+after, func(t *testing.T) {
				backend := m.startNode(t, func(c net.Conn) {
					_, _ = c.Read(make([]byte, 64))
					if after == "CONNACK" {
						_, _ = c.Write(connack311)
						_, _ = c.Read(make([]byte, 1))
					}
					_ = tcp(c).SetLinger(0)
				})
				r := m.start(t, []string{backend.address()})
				c := r.dial()
				c.send(connect311)
				if after == "CONNACK" {
					c.expect(connack311)
					c.send([]byte{0})
				}
				if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("the client saw %v, want a reset", err)
				}
				r.waitOutcome(outcome.ServerReset, 1)
			})
		}
	})
}

func TestLastWordsOfANodeReachTheClient(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		disconnect := []byte("\xe0\x02\x8b\x00") // server shutting down
		t.Run("that closes", func(t *testing.T) {
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(append(bytes.Clone(connack311), disconnect...))
			})
			r := m.start(t, []string{backend.address()})
			c := r.dial()
			c.send(connect311)
			c.expect(append(bytes.Clone(connack311), disconnect...))
			if rest := c.rest(); len(rest) > 0 {
				t.Errorf("then % x", rest)
			}
			_ = c.Close()
			r.waitOutcome(outcome.ServerClosed, 1)
		})
		// The kernel resets the connection at once if bytes are unread, and otherwise when more
		// arrive. Either a read or a write fails first.
		t.Run("that is killed while the client sends", func(t *testing.T) {
			backend := m.startNode(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 64))
				_, _ = c.Write(connack311)
				_, _ = io.ReadFull(c, make([]byte, 1<<20))
				_, _ = c.Write(disconnect)
			})
			r := m.start(t, []string{backend.address()})
			for i := range 20 {
				c := r.open("c1")
				sent := make(chan struct{})
				go func() { // ends with the connection
					defer close(sent)
					_, _ = io.Copy(struct{ io.Writer }{c}, zeros{})
				}()
				c.expect(disconnect)
				c.rest()
				<-sent
				_ = c.Close()
				eventually(t, "the session's end", func() bool {
					return r.outcomes(outcome.ServerReset)+r.outcomes(outcome.ServerClosed) == uint64(i+1)
				})
			}
		})
	})
}

func TestSessionThatIsSilentForLongerThanItsKeepAliveAllowsEnds(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		quick := func(s *snapshot.Snapshot) { s.Timeouts.Idle = 100 * time.Millisecond }
		r := m.startShortWaits(t, []string{m.startNode(t, nil).address()}, quick)
		c := r.open("silent")
		c.rest()
		r.waitOutcome(outcome.IdleTimeout, 1)
	})
}

func TestIdleLimitComesFromTheKeepAliveInForce(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		serverKeepAlive := m.startNode(t, func(c net.Conn) {
			b := make([]byte, 64)
			n, _ := c.Read(b)
			if bytes.Contains(b[:n], []byte("c2")) {
				// in three pieces, and with the identifier assigned
				for _, piece := range []string{"\x20", "\x0b\x00\x00\x08\x13\x01\x2c", "\x12\x00\x02zz", ""} {
					_, _ = c.Write([]byte(piece))
				}
			} else {
				_, _ = c.Write(connack5)
			}
			_, _ = io.Copy(io.Discard, c)
		})
		r := m.start(t, []string{serverKeepAlive.address()})
		var clients []*client
		for _, id := range []string{"c1", "c2"} {
			c := r.dial()
			c.send(append(bytes.Clone(connect5[:len(connect5)-2]), id...))
			b := make([]byte, 5)
			if _, err := io.ReadFull(c, b); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		var idle map[string]time.Duration
		eventually(t, "both CONNACKs read", func() bool {
			idle = r.idleLimits()
			return len(idle) == 2
		})
		if want := 60*time.Second*3/2 + keepAliveGrace; idle["c1"] != want {
			t.Errorf("keep alive 60: limit of %v, want %v", idle["c1"], want)
		}
		if want := 300*time.Second*3/2 + keepAliveGrace; idle["zz"] != want {
			t.Errorf("Server Keep Alive 300: limit of %v, want %v (sessions %v)", idle["zz"], want, idle)
		}
		for _, c := range clients {
			_ = c.Close()
		}
	})
}

// The CONNACK at the end of an enhanced authentication is found behind an AUTH.
func TestAuthBeforeTheConnackIsForwarded(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		auth := []byte("\xf0\x06\x18\x04\x15\x00\x01x")
		backend := m.startNode(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64))
			_, _ = c.Write(auth)
			_, _ = io.ReadFull(c, make([]byte, len(auth)))
			_, _ = c.Write([]byte("\x20\x03\x00\x87\x00"))
		})
		r := m.start(t, []string{backend.address()})
		c := r.dial()
		c.send(connect5)
		c.expect(auth)
		c.send(auth)
		c.expect([]byte("\x20\x03\x00\x87\x00"))
		c.rest()
		_ = c.Close()
		r.waitOutcome(outcome.ServerClosed, 1)
		r.waitLine("connack=135")
	})
}
