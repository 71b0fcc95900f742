package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// patience is the time limit for events that must happen: longer than any machine needs.
const patience = 30 * time.Second

// connect returns the two ends of a connection on loopback.
func connect(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	client.SetDeadline(time.Now().Add(patience))
	return client, server
}

// handshakeResult is the result of a handshake.
type handshakeResult struct {
	session   *Session // nil after an error
	err       error    // the server's
	client    *tls.Conn
	clientErr error
	raw       net.Conn // the server's connection
}

// handshake makes a handshake. In TLS 1.3 it can succeed for the client and fail for the server: clientErr is then the error
// of the client's first Read.
func handshake(t testing.TB, server, client *tls.Config) handshakeResult {
	t.Helper()
	c, raw := connect(t)
	m := handshakeResult{client: tls.Client(c, client), raw: raw}
	over := make(chan struct{})
	go func() { // ends with the client's handshake
		defer close(over)
		m.clientErr = m.client.Handshake()
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m.session, m.err = Accept(ctx, raw, server)
	<-over
	if m.err != nil && m.clientErr == nil {
		_, m.clientErr = m.client.Read(make([]byte, 1))
	}
	if m.err == nil && m.clientErr != nil {
		t.Fatalf("the client failed alone: %v", m.clientErr)
	}
	return m
}

// mustHandshake is handshake for handshakes that must succeed.
func mustHandshake(t testing.TB, server, client *tls.Config) handshakeResult {
	t.Helper()
	m := handshake(t, server, client)
	if m.err != nil {
		t.Fatalf("server: %v; client: %v", m.err, m.clientErr)
	}
	return m
}

// reasonIs checks the reason of a failed handshake.
func reasonIs(t *testing.T, m handshakeResult, want Reason) {
	t.Helper()
	var failed *HandshakeError
	if !errors.As(m.err, &failed) {
		t.Fatalf("got error %v, want a HandshakeError with %s", m.err, want)
	}
	if failed.Reason != want {
		t.Errorf("got %v, want the reason %s", failed, want)
	}
}

// server returns a Terminator with a certificate of ca for broker.example; change may change
// its options.
func server(t testing.TB, ca *proxytest.CA, change func(*Options)) *Terminator {
	t.Helper()
	o := Options{Certificates: []CertificateFile{{Cert: ca.Issue("broker.example").File(t)}}}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// client returns a client's configuration that trusts ca and asks for broker.example.
func client(ca *proxytest.CA, certs ...proxytest.Pair) *tls.Config {
	return ca.Trust("broker.example", certs...)
}
