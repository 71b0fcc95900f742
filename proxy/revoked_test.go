package proxy

import (
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// tlsVersions are those that clients speak.
var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// revocable is a server whose clients show certificates of testCA, which a CRL may revoke.
type revocable struct {
	*leaving
	crl        string // file
	terminator *tlsterm.Terminator
	gate       *tlsterm.Gate
}

// revocableTLS returns a terminator with the CRL file; empty: none.
func revocableTLS(t *testing.T, crl string, change func(*tlsterm.Options)) *tlsterm.Terminator {
	t.Helper()
	o := tlsterm.Options{
		Certificates: []tlsterm.CertificateFile{{Cert: testCA().Issue("broker.example").File(t)}},
		ClientAuth:   tlsterm.ClientAuthRequest,
		ClientCA:     proxytest.TempFile(t, "ca.pem", testCA().Cert),
	}
	if crl != "" {
		o.CRLs = []string{crl}
	}
	if change != nil {
		change(&o)
	}
	return must(tlsterm.New(o))
}

func startRevocable(t *testing.T, m mode) *revocable {
	t.Helper()
	m.tls = false // set below
	r := &revocable{leaving: startLeaving(t, m), crl: proxytest.TempFile(t, "ca.crl", testCA().CRL(time.Now().Add(time.Hour)))}
	r.mode.tls = true
	r.terminator, r.gate = revocableTLS(t, r.crl, nil), tlsterm.NewGate(0, 0, 0)
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].TLS = r.over(r.terminator) })
	return r
}

func (r *revocable) over(t *tlsterm.Terminator) *snapshot.TLS {
	return &snapshot.TLS{Terminator: t, Gate: r.gate, Timeout: patience}
}

// revoke puts a CRL with these certificates in force.
func (r *revocable) revoke(pairs ...proxytest.Pair) {
	r.t.Helper()
	proxytest.WriteFile(r.crl, crlOf(pairs...))
	if err := r.terminator.Reload(); err != nil {
		r.t.Fatal(err)
	}
}

func crlOf(pairs ...proxytest.Pair) []byte {
	text := testCA().CRL(time.Now().Add(time.Hour))
	if len(pairs) > 0 {
		text = testCA().CRL(time.Now().Add(time.Hour), pairs[0].TLS.Leaf)
	}
	return text
}

// showing returns the change of a client's configuration that shows a certificate.
func showing(version uint16, pair proxytest.Pair, cache tls.ClientSessionCache) func(*tls.Config) {
	return func(c *tls.Config) {
		c.MinVersion, c.MaxVersion, c.ClientSessionCache = version, version, cache
		c.Certificates = []tls.Certificate{pair.TLS}
	}
}

// come opens a connection, with its upgrade where clients speak WebSocket.
func (r *revocable) come(change func(*tls.Config)) *peer {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	p := &peer{t: r.t, socket: &watched{Conn: c.Conn}, ws: r.mode.clientWS()}
	c.Conn = p.socket
	c.secure(change)
	if p.ws {
		ws, err := upgraded(c.Conn)
		if err != nil {
			r.t.Fatal(err)
		}
		_ = ws.SetDeadline(time.Now().Add(patience))
		c.Conn = ws
	}
	p.Conn = belowFrames(c.Conn)
	return p
}

// open opens a session.
func (r *revocable) open(change func(*tls.Config)) (client, node *peer) {
	r.t.Helper()
	client = r.come(change)
	client.say(connect5)
	c := <-r.conns
	if _, err := io.ReadFull(c, make([]byte, len(connect5))); err != nil {
		r.t.Fatal(err)
	}
	node = nodePeer(r.t, r.mode, c)
	node.say(connack5)
	client.expect(connack5)
	return client, node
}

// gone checks the goodbyes of a session.
func gone(t *testing.T, p *peer, want []string) {
	t.Helper()
	if got := p.hear(); !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
	_ = p.Close()
}

var revocableModes = []mode{mqttsToMQTT, wssToWS, wssToMQTT, wssToWSS, {name: "https to ws", protocol: snapshot.HTTP, nodeWS: true, tls: true}}

func TestNewCRLEndsSessionsInEveryLayer(t *testing.T) {
	for _, m := range append(revocableModes, mode{name: "tcp over TLS", protocol: snapshot.TCP, tls: true}) {
		packet := pick(m.protocol == snapshot.TCP, "", "e0 02 87 00")
		t.Run(m.name, func(t *testing.T) {
			r := startRevocable(t, m)
			for _, version := range tlsVersions {
				good, bad := testCA().Issue("good"), testCA().Issue("bad")
				cache := tls.NewLRUClientSessionCache(1)
				stays, itsNode := r.open(showing(version, good, nil))
				none, otherNode := r.open(nil)
				first, firstNode := r.open(showing(version, bad, cache))
				second, secondNode := r.open(showing(version, bad, cache)) // resumed
				if !second.Conn.(*tls.Conn).ConnectionState().DidResume {
					t.Error("the second session is not resumed")
				}
				before := r.outcomes(outcome.CertificateRevoked)
				r.revoke(bad)
				for _, p := range []*peer{first, second} {
					gone(t, p, m.toClient(packet, 1008))
				}
				for _, p := range []*peer{firstNode, secondNode} {
					gone(t, p, m.toNode())
				}
				r.waitOutcome(outcome.CertificateRevoked, before+2)
				r.waitLine("outcome=certificate_revoked error=\"the client's certificate, serial ")
				if n := r.srv.open(); n != 2 {
					t.Errorf("%d sessions are left", n)
				}
				for _, p := range []*peer{stays, itsNode, none, otherNode} {
					_ = p.Close()
				}
				eventually(t, "the end of the others", func() bool { return r.srv.open() == 0 })
				r.revoke()
			}
			r.waitLine(`msg="a CRL revokes the certificates of open sessions, which leave" listener=mqtt sessions=2 per_second=100`)
			r.waitLine(`msg="the sessions with revoked certificates were told to leave" sessions=2`)
		})
	}
}

// Sessions that have not reached their node, or whose node has not answered, are no exception.
func TestNewCRLEndsOpenings(t *testing.T) {
	for _, m := range revocableModes {
		t.Run(m.name, func(t *testing.T) {
			r := startRevocable(t, m)
			bad := testCA().Issue("bad")
			waiting := r.come(showing(tls.VersionTLS13, bad, nil))
			unanswered := r.come(showing(tls.VersionTLS12, bad, nil))
			unanswered.say(connect5)
			node := <-r.conns
			eventually(t, "two handshakes", func() bool { return r.srv.Stats().Listeners[0].Handshakes.Done == 2 })
			r.each(func(*session) {}) // the loops have taken both back
			r.revoke(bad)
			gone(t, waiting, m.toClient("", 1008))
			gone(t, unanswered, m.toClient("20 03 00 87 00", 1008))
			r.waitOutcome(outcome.CertificateRevoked, 2)
			_ = node.Close()
		})
	}
}

// The look at the sessions passes those whose handshake goes on. They are checked at its end, under the CRLs of then.
func TestNewCRLEndsASessionThatHasBegunItsHandshakeBefore(t *testing.T) {
	for _, m := range revocableModes {
		t.Run(m.name, func(t *testing.T) {
			for _, version := range tlsVersions {
				r := startRevocable(t, m)
				bad := testCA().Issue("bad")
				asked, shown := make(chan struct{}), make(chan struct{})
				c := r.dialBare(r.srv.Addr("mqtt"))
				over := tls.Client(c.Conn, clientTLS(func(c *tls.Config) {
					c.MinVersion, c.MaxVersion = version, version
					c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
						close(asked)
						<-shown
						return &bad.TLS, nil
					}
				}))
				ended := make(chan error, 1)
				go func() { // ends with the connection
					err := over.HandshakeContext(t.Context())
					if err == nil {
						_, err = over.Read(make([]byte, 1))
					}
					ended <- err
				}()
				<-asked
				r.revoke(bad)
				if found, err := r.srv.Revoked(t.Context()); err != nil || len(found) != 0 {
					t.Errorf("found %v, error %v", found, err)
				}
				close(shown)
				if err := <-ended; err != io.EOF {
					t.Errorf("the client's connection ends with %v", err)
				}
				_ = c.Close()
				r.waitOutcome(outcome.CertificateRevoked, 1)
			}
		})
	}
}

func TestRevokedSessionsStayWhereTheListenerKeepsThem(t *testing.T) {
	r := startRevocable(t, mqttsToMQTT)
	bad := testCA().Issue("bad")
	client, node := r.open(showing(tls.VersionTLS13, bad, nil))
	keep := func(keep bool) setting {
		return func(s *snapshot.Snapshot) {
			again := *s.Listeners[0].TLS
			again.KeepRevoked = keep
			s.Listeners[0].TLS = &again
		}
	}
	r.apply(keep(true))
	r.revoke(bad)
	if found, err := r.srv.Revoked(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("found %v, error %v", found, err)
	}
	client.say([]byte("\xc0\x00"))
	node.expect([]byte("\xc0\x00"))
	r.apply(keep(false))
	if found, err := r.srv.Revoked(t.Context()); err != nil || !slices.Equal(found, []RevokedSessions{{"mqtt", 1, kicksPerSecond}}) {
		t.Errorf("found %v, error %v", found, err)
	}
	gone(t, client, mqttsToMQTT.toClient("e0 02 87 00", 0))
	_ = node.Close()
	r.waitOutcome(outcome.CertificateRevoked, 1)
}

// A reload may bring a CRL to a listener without one: its sessions began under another terminator.
func TestFirstCRLOfAListenerEndsItsSessions(t *testing.T) {
	r := startRevocable(t, mqttsToMQTT)
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].TLS = r.over(revocableTLS(t, "", nil)) })
	bad := testCA().Issue("bad")
	client, node := r.open(showing(tls.VersionTLS13, bad, nil))
	crl := proxytest.TempFile(t, "first.crl", crlOf(bad))
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].TLS = r.over(revocableTLS(t, crl, nil)) })
	found, err := r.srv.Revoked(t.Context())
	if err != nil || !slices.Equal(found, []RevokedSessions{{"mqtt", 1, kicksPerSecond}}) {
		t.Errorf("found %v, error %v", found, err)
	}
	gone(t, client, mqttsToMQTT.toClient("e0 02 87 00", 0))
	_ = node.Close()
	r.waitOutcome(outcome.CertificateRevoked, 1)
}

// The sessions of a certificate that many clients share leave one after the other.
func TestRevokedSessionsLeaveAtAPace(t *testing.T) {
	proxytest.WaitAbreast(t)
	const sessions = 150
	crl := proxytest.TempFile(t, "ca.crl", crlOf())
	terminator := revocableTLS(t, crl, nil)
	r := start(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Terminator = terminator }))
	bad := testCA().Issue("bad")
	for i := range sessions {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.secure(showing(tls.VersionTLS13, bad, nil))
		c.send(connectAs(fmt.Sprint(i)))
		c.expect(connack311)
		go func() { // ends with the session
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}()
	}
	began := time.Now()
	proxytest.WriteFile(crl, crlOf(bad))
	if err := terminator.Reload(); err != nil {
		t.Fatal(err)
	}
	r.waitOutcome(outcome.CertificateRevoked, sessions)
	if took := time.Since(began); took < sessions*time.Second/kicksPerSecond-maxLate-2*drainInterval {
		t.Errorf("%d sessions left in %v", sessions, took)
	}
}

func TestExpiredCertificateIsInTheLineAndCounted(t *testing.T) {
	for _, m := range revocableModes {
		t.Run(m.name, func(t *testing.T) {
			r := startRevocable(t, m)
			accepting := revocableTLS(t, r.crl, func(o *tlsterm.Options) { o.AcceptExpired = true })
			r.apply(func(s *snapshot.Snapshot) {
				s.Listeners[0].TLS = r.over(accepting)
				s.Listeners[0].TLS.Identity = snapshot.ClientIDIdentity
			})
			r.terminator = accepting
			old := testCA().IssueLike(proxytest.Expired(), "c1")
			for i, version := range tlsVersions {
				cache := tls.NewLRUClientSessionCache(1)
				for range 2 {
					client, node := r.open(showing(version, old, cache))
					if client.Conn.(*tls.Conn).ConnectionState().DidResume {
						t.Error("a session with an expired certificate is resumed")
					}
					_ = client.Close()
					_ = node.Close()
				}
				eventually(t, "the end", func() bool { return r.srv.open() == 0 })
				if n := r.srv.Stats().Listeners[0].Handshakes.Expired; n != uint64(2*(i+1)) {
					t.Errorf("%d handshakes with an expired certificate", n)
				}
			}
			r.waitLine("certificate=expired")
			other := r.come(showing(tls.VersionTLS13, testCA().IssueLike(proxytest.Expired(), "c2"), nil))
			other.say(connect5)
			gone(t, other, m.toClient("20 03 00 87 00", 1002))
			r.waitOutcome(outcome.IdentityMismatch, 1)

			client, node := r.open(showing(tls.VersionTLS13, old, nil))
			r.revoke(old)
			gone(t, client, m.toClient("e0 02 87 00", 1008))
			_ = node.Close()
			r.waitOutcome(outcome.CertificateRevoked, 1)
		})
	}
}
