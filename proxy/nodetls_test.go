package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// startTLSNode starts a node that is startNode's inside TLS.
func startTLSNode(t *testing.T, config *tls.Config, handle func(*tls.Conn)) *node {
	t.Helper()
	var n *node
	ready := make(chan struct{})
	n = startNode(t, func(c net.Conn) {
		over := tls.Server(c, config)
		if over.HandshakeContext(t.Context()) != nil {
			return
		}
		<-ready
		if handle != nil {
			handle(over)
			return
		}
		n.serve(over)
	})
	close(ready)
	return n
}

// toTLS makes the pool's nodes speak TLS.
func toTLS(s *snapshot.Snapshot) {
	pool := s.Listeners[0].Pool
	pool.TLS = testNodeTLS(pool.Nodes())
}

// startToTLS starts an mqtt listener before nodes that speak TLS.
func startToTLS(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	return start(t, nodes, append(settings, toTLS)...)
}

// A broker reads the PROXY header before it starts TLS, and some brokers read it with one read.
func TestProxyHeaderComesBeforeTheHelloInAWriteOfItsOwn(t *testing.T) {
	for version := range 3 {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			first := make(chan []byte, 1)
			backend := startNode(t, func(c net.Conn) {
				b := make([]byte, 1<<16)
				n, _ := io.ReadAtLeast(c, b, 1)
				for !bytes.Contains(b[:n], []byte("node.example")) { // the ClientHello may take a read of its own
					more, err := c.Read(b[n:])
					if err != nil {
						break
					}
					n += more
				}
				first <- b[:n]
			})
			r := startToTLS(t, []string{backend.address()}, sendProxy(version))
			c := r.dial()
			c.send(connect311)
			b := <-first
			if version > 0 {
				h, err := opening.ReadProxyHeader(b)
				if err != nil {
					t.Fatalf("% x: %v", b, err)
				}
				if h.Source.String() != c.LocalAddr().String() {
					t.Errorf("source %v, want %v", h.Source, c.LocalAddr())
				}
				b = b[h.Length:]
			}
			if name, err := tlsterm.ServerName(b); err != nil || name != "node.example" {
				t.Errorf("server name %q, %v in % x", name, err, b)
			}
			_ = c.Close()
		})
	}
}

// An end is an end, with and without close_notify, and a reset is a reset.
func TestNodeOfTLSEndsAndBreaks(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(*tls.Conn)
		want outcome.Outcome
	}{
		"close_notify":       {func(c *tls.Conn) { _ = c.Close() }, outcome.ServerClosed},
		"none":               {func(c *tls.Conn) { _ = c.NetConn().Close() }, outcome.ServerClosed},
		"in a record's head": {func(c *tls.Conn) { _, _ = c.NetConn().Write([]byte{23, 3, 3}); _ = c.NetConn().Close() }, outcome.ServerClosed},
		"reset":              {func(c *tls.Conn) { _ = tcp(c).SetLinger(0); _ = c.NetConn().Close() }, outcome.ServerReset},
		"forged record": {func(c *tls.Conn) {
			_, _ = c.NetConn().Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
			_, _ = io.Copy(io.Discard, c.NetConn())
		}, outcome.ServerReset},
	} {
		t.Run(name, func(t *testing.T) {
			backend := startTLSNode(t, nodeConfig(), func(c *tls.Conn) {
				_, _ = io.ReadFull(c, make([]byte, len(connect311)))
				_, _ = c.Write(append(bytes.Clone(connack311), "last"...))
				_, _ = c.Read(make([]byte, 1))
				row.end(c)
			})
			r := startToTLS(t, []string{backend.address()})
			c := r.open("c1")
			c.expect([]byte("last"))
			c.send([]byte{0})
			c.rest()
			_ = c.Close()
			r.waitOutcome(row.want, 1)
		})
	}
}

// The node gets a close_notify when the client has ended, and may still send.
func TestEndOfTheClientIsACloseNotifyToTheNode(t *testing.T) {
	seen := make(chan error, 1)
	backend := startTLSNode(t, nodeConfig(), func(c *tls.Conn) {
		_, _ = io.ReadFull(c, make([]byte, len(connect311)))
		_, _ = c.Write(connack311)
		_, err := io.Copy(io.Discard, c) // err is nil after a close_notify
		seen <- err
		_, _ = c.Write([]byte("and goodbye"))
	})
	r := startToTLS(t, []string{backend.address()})
	c := r.open("c1")
	c.send([]byte("last"))
	_ = tcp(c.Conn).CloseWrite()
	if err := <-seen; err != nil {
		t.Errorf("the node saw %v", err)
	}
	c.expect([]byte("and goodbye"))
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
}

// The client's bytes before the end of the node's handshake wait and are not lost.
func TestBytesBehindTheConnectWaitForTheNodesHandshake(t *testing.T) {
	backend := startTLSNode(t, nodeConfig(), nil)
	r := startToTLS(t, []string{backend.address()})
	c := r.dial()
	more := bytes.Repeat([]byte("subscribe"), 20_000)
	c.send(append(bytes.Clone(connect311), "with the connect"...))
	sent := make(chan struct{})
	go func() { // ends when the node has read all
		defer close(sent)
		c.send(more)
	}()
	c.expect(append(append(bytes.Clone(connack311), "with the connect"...), more...))
	<-sent
}

// A listener that parses nothing has nothing to announce, and the node may speak first.
func TestTCPListenerSpeaksTLSToNodes(t *testing.T) {
	backend := startTLSNode(t, nodeConfig(), func(c *tls.Conn) {
		_, _ = c.Write([]byte("hello"))
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
	})
	r := startToTLS(t, []string{backend.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP })
	c := r.dial()
	c.expect([]byte("hello"))
	c.send([]byte("echo"))
	c.expect([]byte("echo"))
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
}

// The node's records are cut at every byte, also while keys change.
func TestRecordsOfTheNodeSplitAtEveryByte(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			config := nodeConfig().Clone()
			config.MinVersion, config.MaxVersion = version, version
			var r *rig
			cut := make(chan *splitter, 1)
			backend := startNode(t, func(c net.Conn) {
				s := &splitter{Conn: c, between: func() { r.each(func(*session) {}) }} // the loop takes a turn
				over := tls.Server(s, config)
				if over.HandshakeContext(t.Context()) != nil {
					return
				}
				_, _ = io.ReadFull(over, make([]byte, len(connect311)))
				cut <- s
				_, _ = over.Write(connack311)
				_, _ = io.Copy(struct{ io.Writer }{over}, struct{ io.Reader }{over})
			})
			r = startToTLS(t, []string{backend.address()})
			c := r.open("c1")
			s := <-cut
			const longest = 5 + 8 + 4 + 1 + 16 // header, nonce, payload, content type, tag
			for at := 1; at < longest; at++ {
				s.at = at
				c.send([]byte("ping"))
				c.expect([]byte("ping"))
			}
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		})
	}
}
