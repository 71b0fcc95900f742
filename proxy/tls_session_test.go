package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/snapshot"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
)

// over changes the listener's TLS.
func over(change func(*snapshot.TLS)) setting {
	return func(s *snapshot.Snapshot) {
		s.Listeners[0].TLS = testTLS()
		change(s.Listeners[0].TLS)
	}
}

// startTLS starts an mqtts listener with these settings.
func startTLS(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	return start(t, nodes, append([]setting{over(func(*snapshot.TLS) {})}, settings...)...)
}

// splitter cuts each write in two, or into single bytes if at is negative.
type splitter struct {
	net.Conn
	at      int
	between func()
}

func (s *splitter) Write(b []byte) (n int, err error) {
	step := s.at
	if step < 0 {
		step = 1
	}
	for first := true; step > 0 && len(b)-n > step && (first || s.at < 0); first = false {
		if _, err := s.Conn.Write(b[n : n+step]); err != nil {
			return n, err
		}
		n += step
		s.between()
	}
	got, err := s.Conn.Write(b[n:])
	return n + got, err
}

// The client's bytes reach the loop in as many pieces as possible.
func TestRecordsSplitAtEveryByte(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			r := startTLS(t, []string{startNode(t, nil).address()})
			c := r.dialBare(r.srv.Addr("mqtt"))
			cut := &splitter{Conn: c.Conn, at: -1, between: func() { r.each(func(*session) {}) }} // the loop takes a turn
			c.Conn = cut
			c.secure(func(config *tls.Config) { config.MinVersion, config.MaxVersion = version, version })
			c.send(connect311)
			c.expect(connack311)
			const longest = 5 + 8 + 4 + 1 + 16 // header, nonce, payload, content type, tag
			for cut.at = 1; cut.at < longest; cut.at++ {
				c.send([]byte("ping"))
				c.expect([]byte("ping"))
			}
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		})
	}
}

// MQTT has its own DISCONNECT, so an end without close_notify is an end, too.
func TestClientEndsWithAndWithoutCloseNotify(t *testing.T) {
	for name, end := range map[string]func(*tls.Conn){
		"close_notify":       func(c *tls.Conn) { _ = c.Close() },
		"half a close":       func(c *tls.Conn) { _ = c.CloseWrite() },
		"none":               func(c *tls.Conn) { _ = c.NetConn().Close() },
		"in a record's head": func(c *tls.Conn) { _, _ = c.NetConn().Write([]byte{23, 3, 3}); _ = c.NetConn().Close() },
		"in a record":        func(c *tls.Conn) { _, _ = c.NetConn().Write([]byte{23, 3, 3, 0, 99, 1}); _ = c.NetConn().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan brokenStream, 1)
			backend := startNode(t, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, len(connect311)))
				_, _ = c.Write(connack311)
				b, err := io.ReadAll(c)
				seen <- brokenStream{b, err}
			})
			r := startTLS(t, []string{backend.address()})
			c := r.open("c1")
			c.send([]byte("last"))
			end(c.Conn.(*tls.Conn))
			if got := <-seen; string(got.payload) != "last" || got.err != nil {
				t.Errorf("the node saw %q and %v", got.payload, got.err)
			}
			r.waitOutcome(outcome.ClientClosed, 1)
			if name == "half a close" {
				if _, err := c.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("the client's close_notify is answered with %v", err)
				}
			}
		})
	}
}

// A node's end has a close_notify, by which the client distinguishes it from a broken connection.
func TestEndOfTheNodeIsACloseNotifyAndItsResetIsNone(t *testing.T) {
	inEachTLSMode(t, func(t *testing.T, m mode) {
		for _, reset := range []bool{false, true} {
			t.Run(fmt.Sprint("reset ", reset), func(t *testing.T) {
				backend := m.startNode(t, func(c net.Conn) {
					_, _ = c.Read(make([]byte, 64))
					_, _ = c.Write(connack311)
					_, _ = c.Read(make([]byte, 1))
					if reset {
						_ = tcp(c).SetLinger(0)
					}
				})
				r := m.start(t, []string{backend.address()})
				c := r.open("c1")
				c.send([]byte{0})
				below := c.Conn
				if f, ok := below.(*framed); ok {
					below = f.Conn
				}
				_, err := io.Copy(io.Discard, struct{ io.Reader }{below})
				if ended := err == nil; ended == reset {
					t.Errorf("the client saw %v", err)
				}
				_ = c.Close()
				r.waitOutcome(pick(reset, outcome.ServerReset, outcome.ServerClosed), 1)
			})
		}
	})
}

func TestRecordThatIsForgedEndsTheSessionWithAnAlert(t *testing.T) {
	seen := make(chan error, 1)
	backend := startNode(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, len(connect311)))
		_, _ = c.Write(connack311)
		_, err := c.Read(make([]byte, 64))
		seen <- err
	})
	r := startTLS(t, []string{backend.address()})
	c := r.open("c1")
	record := append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...)
	if _, err := tcp(c.Conn).Write(record); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	var alert tls.AlertError
	if !errors.As(err, &alert) && !strings.Contains(fmt.Sprint(err), "bad record MAC") {
		t.Errorf("the client saw %v", err)
	}
	if err := <-seen; err == nil || err == io.EOF {
		t.Errorf("the node saw %v, want a reset", err)
	}
	r.waitOutcome(outcome.ClientReset, 1)
}

// Once the session is in its loop, the goroutines of handshakes and upgrades, their buffers and their
// descriptors are gone. Two descriptors for each session remain, and the peers' ends of both.
func TestSessionIsTwoDescriptorsAndNoGoroutine(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()})
		r.open("first")
		goroutines, descriptors := runtime.NumGoroutine(), proxytest.OpenDescriptors(t)
		const sessions = 60
		for i := range sessions {
			r.open(fmt.Sprint("device-", i))
		}
		// One goroutine for each session belongs to the test's node.
		eventually(t, "one goroutine and four descriptors for each session", func() bool {
			return runtime.NumGoroutine() <= goroutines+sessions && proxytest.OpenDescriptors(t) <= descriptors+4*sessions
		})
	})
}

// showing returns a client with a certificate of this Common Name.
func (r *rig) showing(name string) *client {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.secure(func(config *tls.Config) { config.Certificates = []tls.Certificate{testCA().Issue(name).TLS} })
	return c
}

func TestCertificateHasToNameTheIdentity(t *testing.T) {
	r := startTLS(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Identity = snapshot.ClientIDIdentity }))
	right := r.showing("c1")
	right.send(connect311)
	right.expect(connack311)
	for _, row := range []struct {
		name         string
		connect, got []byte
	}{
		{"another, 5", connect5, []byte("\x20\x03\x00\x87\x00")},
		{"another, 3.1.1", connect311, []byte("\x20\x02\x00\x05")},
	} {
		c := r.showing("other")
		c.send(row.connect)
		c.expect(row.got)
		c.rest()
		_ = c.Close()
	}
	none := r.dial()
	none.send(connect5)
	none.expect([]byte("\x20\x03\x00\x87\x00"))
	_ = none.Close()
	r.waitOutcome(outcome.IdentityMismatch, 3)
	r.waitLine(`error="require_identity: client_id \"c1\" is not in the certificate, which names CN \"other\", DNS \"other\""`)
	r.waitLine(`error="require_identity: the client with client_id \"c1\" has shown no certificate"`)
}

func TestProxyHeaderTellsOfTheClientsTLS(t *testing.T) {
	backend := startNode(t, nil)
	r := startTLS(t, []string{backend.address()}, sendProxy(2))
	c := r.showing("device 1")
	c.send(connect311)
	c.expect(connack311)
	b := backend.firstWrites()[0]
	h, err := opening.ReadProxyHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(b[h.Length:]) != string(connect311) {
		t.Errorf("after the header % x", b[h.Length:])
	}
	const fixed, ipv4 = 16, 12
	tlvs, err := proxyproto.SplitTLVs(b[fixed+ipv4 : h.Length])
	if err != nil {
		t.Fatal(err)
	}
	ssl, ok := tlvparse.FindSSL(tlvs)
	if !ok || !ssl.Verified() || !ssl.ClientCertConn() {
		t.Fatalf("SSL %+v, found %v", ssl, ok)
	}
	if cn, _ := ssl.ClientCN(); cn != "device 1" {
		t.Errorf("CN %q", cn)
	}
	if version, _ := ssl.SSLVersion(); version != "TLSv1.3" {
		t.Errorf("version %q", version)
	}
}

// The PROXY header and the ClientHello arrive in one segment.
func TestClientOfTLSIsNamedByATrustedProxy(t *testing.T) {
	inEachTLSMode(t, func(t *testing.T, m mode) {
		r := m.start(t, []string{m.startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
			s.Listeners[0].AcceptProxy, s.Listeners[0].Trusted = true, loopback
		})
		c := r.dialBare(r.srv.Addr("mqtt"))
		header := "PROXY TCP4 192.0.2.7 198.51.100.1 4711 8883\r\n"
		c.Conn = &prefixed{Conn: c.Conn, before: []byte(header)}
		c.secure(nil)
		if m.clientWS() {
			ws, err := upgraded(c.Conn)
			if err != nil {
				t.Fatal(err)
			}
			c.Conn = ws
		}
		c.send(connect311)
		c.expect(connack311)
		_ = c.Close()
		r.waitOutcome(outcome.ClientClosed, 1)
		r.waitLine("client=192.0.2.7:4711 ")
	})
}

// prefixed writes a prefix together with its first bytes.
type prefixed struct {
	net.Conn
	before []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	n := len(p.before)
	all := slices.Concat(p.before, b)
	p.before = nil
	got, err := p.Conn.Write(all)
	return max(got-n, 0), err
}

// A turn may end while TLS holds bytes that are no longer in the socket, and no more bytes may follow.
func TestLastBytesOfABurstAreNotLeftInTLS(t *testing.T) {
	const bursts, burst = 300, readsPerTurn*scratchSize + 1000
	received := make(chan struct{}, bursts)
	backend := startNode(t, func(c net.Conn) {
		_, _ = io.ReadFull(c, make([]byte, len(connect311)))
		_, _ = c.Write(connack311)
		for {
			if _, err := io.CopyN(io.Discard, c, burst); err != nil {
				return
			}
			received <- struct{}{}
		}
	})
	r := mqttsToMQTT.start(t, []string{backend.address()})
	c := r.open("c1")
	b := make([]byte, burst)
	for i := range bursts {
		c.send(b)
		select {
		case <-received:
		case <-time.After(patience):
			t.Fatalf("the node still waits for bytes of burst %d", i)
		}
	}
}
