package web

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestRequestIsTheSameInsideTLS(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			var state *tls.ConnectionState
			config := &tls.Config{Certificates: []tls.Certificate{ca.Issue("a.test").TLS}, MaxVersion: version}
			a := newTLSNode(t, "a", nil, config)
			tell := a.handler
			a.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				state = req.TLS
				tell.ServeHTTP(w, req)
			})
			r := start(t, []*node{a}, withSecure(ca))
			c := r.client()
			c.source = "192.0.2.7:4711"
			for range 5 {
				s := c.tell(http.MethodPost, "/path?q", strings.NewReader("body"), "Host", "dash.example.com:18083")
				if s.Host != "dash.example.com:18083" || s.URI != "/path?q" || s.Body != "body" {
					t.Errorf("the node sees %+v", s)
				}
				// The protocol of the client, not of the node.
				for field, want := range map[string]string{"X-Forwarded-Proto": "http", "X-Forwarded-Host": "dash.example.com:18083", "X-Forwarded-For": "192.0.2.7"} {
					if got := s.Header.Get(field); got != want {
						t.Errorf("the node sees %s: %q, want %q", field, got, want)
					}
				}
			}
			if state.Version != version || state.ServerName != "a.test" {
				t.Errorf("version %x, server name %q", state.Version, state.ServerName)
			}
		})
	}
}

// listening starts a node that handles every connection by serve. If serve reads to the
// end, the test waits until we have closed each connection.
func listening(t *testing.T, name string, serve func(*net.TCPConn)) *node {
	t.Helper()
	return &node{name: name, address: proxytest.Serve(t, "127.0.0.1:0", serve)}
}

func TestNodeWithoutGoodTLSIsPassedOver(t *testing.T) {
	ca, other := proxytest.NewCA("a CA"), proxytest.NewCA("a CA")
	serve := func(config *tls.Config) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			if tls.Server(conn, config).Handshake() == nil {
				t.Error("a handshake went well")
			}
			io.Copy(io.Discard, conn)
		}
	}
	with := func(c tls.Certificate) func(*net.TCPConn) {
		return serve(&tls.Config{Certificates: []tls.Certificate{c}})
	}
	for name, answer := range map[string]func(*net.TCPConn){
		"another name": with(ca.Issue("other.test").TLS),
		"another CA":   with(other.Issue("bad.test").TLS),
		"expired":      with(ca.IssueLike(proxytest.Expired(), "bad.test").TLS),
		"wants a certificate, TLS 1.2": serve(&tls.Config{
			Certificates: []tls.Certificate{ca.Issue("bad.test").TLS}, MaxVersion: tls.VersionTLS12,
			ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
		}),
		"plain HTTP": func(conn *net.TCPConn) {
			io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			io.Copy(io.Discard, conn)
		},
		"closes": func(conn *net.TCPConn) {
			io.CopyN(io.Discard, conn, 100)
			conn.CloseWrite()
			io.Copy(io.Discard, conn)
		},
		"resets": func(conn *net.TCPConn) {
			io.CopyN(io.Discard, conn, 100)
			conn.SetLinger(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := listening(t, "bad", answer)
			good := newTLSNode(t, "good", nil, &tls.Config{Certificates: []tls.Certificate{ca.Issue("good.test").TLS}})
			r := start(t, []*node{bad, good}, withSecure(ca))
			c := r.client()
			c.source = r.atHome(0)
			body := strings.Repeat("0123456789abcdef", 64<<10)
			if s := c.tell(http.MethodPost, "/", strings.NewReader(body)); s.Node != "good" || s.Body != body {
				t.Errorf("%d bytes arrived at %s, want %d at good", len(s.Body), s.Node, len(body))
			}
			if len(r.failed) != 1 || r.failed[0] != "bad" {
				t.Errorf("DialFailed was told %v", r.failed)
			}
			r.pool.Nodes()[1].SetHealth(balancer.Down)
			c.refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
		})
	}
}

func TestHandshakeThatHangsIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	ended := make(chan struct{})
	a := listening(t, "a", func(conn *net.TCPConn) {
		io.Copy(io.Discard, conn)
		close(ended)
	})
	r := start(t, []*node{a}, withSecure(proxytest.NewCA("a CA")), func(_ *rig, o *setup) { o.DialTimeout = time.Second })
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
	if len(r.failed) != 1 {
		t.Errorf("DialFailed was told %v", r.failed)
	}
	<-ended
}

func TestNodeThatWantsACertificateGetsOurs(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	ours := ca.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "balancer")
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			a := newTLSNode(t, "a", nil, &tls.Config{
				Certificates: []tls.Certificate{ca.Issue("a.test").TLS}, MaxVersion: version,
				ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
			})
			r := start(t, []*node{a}, withSecure(ca, ours))
			if s := r.client().get("/"); s.Node != "a" {
				t.Errorf("answered by %s", s.Node)
			}
		})
	}
}

// In TLS 1.3 a node rejects our certificate after our handshake (RFC 8446, 4.4.4), when a
// request may have been sent: it must not go to another node.
func TestRequestIsNotRepeatedAfterALateAlert(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	nodes := make([]*node, 2)
	for i, name := range []string{"a", "b"} {
		nodes[i] = newTLSNode(t, name, nil, &tls.Config{
			Certificates: []tls.Certificate{ca.Issue(name + ".test").TLS}, ClientAuth: tls.RequireAnyClientCert,
		})
	}
	r := start(t, nodes, withSecure(ca))
	r.client().refused(http.StatusBadGateway, "closed the connection", http.MethodPost, "/", strings.NewReader("x"))
	if n := nodes[0].dialled.Load() + nodes[1].dialled.Load(); n != 1 {
		t.Errorf("it took %d connections", n)
	}
}

// Idle connections are kept by node: a connection verified for one name must not serve
// another.
func TestNodesOfOneAddressShareNoConnection(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	a := newTLSNode(t, "a", nil, &tls.Config{Certificates: []tls.Certificate{
		ca.Issue("a.test").TLS, ca.Issue("b.test").TLS,
	}})
	names := make(chan string, 100)
	tell := a.handler
	a.handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		names <- req.TLS.ServerName
		tell.ServeHTTP(w, req)
	})
	r := start(t, []*node{a, {name: "b", address: a.address}}, withSecure(ca))
	c := r.client()
	for range 10 {
		for i, want := range []string{"a.test", "b.test"} {
			c.source = r.atHome(i)
			c.get("/")
			if got := <-names; got != want {
				t.Errorf("a request for the node of %s came to %s", want, got)
			}
		}
	}
}

func TestPROXYHeaderComesBeforeTLS(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			a := proxied(t, func(ln net.Listener) net.Listener {
				return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{ca.Issue("a.test").TLS}})
			})
			r := start(t, []*node{a}, withSecure(ca), func(r *rig, o *setup) {
				r.pool.SendProxy = version
				o.Announce = announceV
			})
			front := r.front.Listener.Addr().String()
			c := r.client()
			for _, source := range []string{"192.0.2.1:1000", "192.0.2.2:2000", "192.0.2.1:1001"} {
				c.source = source
				if _, text, err := c.do(http.MethodGet, "/", nil); text != source+" to "+front {
					t.Errorf("the node takes %s for %q, %v", source, text, err)
				}
			}
		})
	}
}

// Close gives up a handshake that hangs.
func TestCloseEndsAHandshakeThatNobodyWaitsFor(t *testing.T) {
	hello := make(chan struct{})
	a := listening(t, "a", func(conn *net.TCPConn) {
		io.CopyN(io.Discard, conn, 100)
		close(hello)
		io.Copy(io.Discard, conn)
	})
	// The rig checks that no goroutine is left, long before the dial times out.
	r := start(t, []*node{a}, withSecure(proxytest.NewCA("a CA")), func(_ *rig, o *setup) { o.DialTimeout = time.Hour })
	conn := r.raw()
	conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-hello
	conn.Close()
	eventually(t, "the request is over", func() bool { return r.pool.Nodes()[0].Open() == 0 })
	if len(r.failed) != 0 {
		t.Errorf("DialFailed was told %v of a client that left", r.failed)
	}
}

// timed is a connection that accepts every write and records its deadline.
type timed struct {
	net.Conn
	deadline time.Time
}

func (c *timed) Write(b []byte) (int, error) { return len(b), nil }

func (c *timed) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

// TLS may write by itself, long after our last write.
func TestWriteInsideTLSLeavesNoDeadline(t *testing.T) {
	conn := &timed{}
	secured := boundedConn{Conn: conn, pace: Pace{Within: time.Second}, below: conn}
	if _, err := secured.Write([]byte("x")); err != nil || !conn.deadline.IsZero() {
		t.Errorf("a deadline at %v, %v", conn.deadline, err)
	}
}
