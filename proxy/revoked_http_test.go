package proxy

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"

	"mqttlb/proxy/proxytest"
)

// startPages is an HTTP listener with TLS for a server of pages, of responses without end, and of tunnels.
func startPages(t *testing.T, terminator *tlsterm.Terminator) *rig {
	t.Helper()
	over := make(chan struct{})
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/tunnel/" {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_, _ = io.Copy(struct{ io.Writer }{conn}, conn) // without the pipes of splice, which Go keeps
			return
		}
		_, _ = io.WriteString(w, "page")
		if req.URL.Path == "/endless/" {
			_ = http.NewResponseController(w).Flush()
			select {
			case <-over:
			case <-req.Context().Done():
			}
		}
	}))
	t.Cleanup(pages.Close)
	t.Cleanup(func() { close(over) })
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "pages", Nodes: []balancer.NodeSpec{{Name: "page", Address: pages.Listener.Addr().String()}}})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		ln.Protocol, ln.TLS = snapshot.HTTP, &snapshot.TLS{Terminator: terminator, Gate: tlsterm.NewGate(0, 0, 0), Timeout: patience}
		ln.Routes = []snapshot.Route{{Path: "/", Pool: &snapshot.Pool{Pool: pool}}}
		s.MaxHeaderSize, s.Timeouts.KeepAlive, s.Timeouts.Tunnel = 16<<10, patience, patience
	})
}

// A connection that waits for a request, one whose response goes on, and a tunnel are cut off.
func TestNewCRLEndsHTTPConnections(t *testing.T) {
	for _, version := range tlsVersions {
		crl := proxytest.TempFile(t, "ca.crl", crlOf())
		terminator := revocableTLS(t, crl, nil)
		r := startPages(t, terminator)
		good, bad := testCA().Issue("good"), testCA().Issue("bad")
		ask := func(pair proxytest.Pair, path, more, want string) *client {
			t.Helper()
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.secure(showing(version, pair, nil))
			c.send([]byte("GET " + path + " HTTP/1.1\r\nHost: broker.example\r\n" + more + "\r\n"))
			in := bufio.NewReader(c.Conn)
			resp, err := http.ReadResponse(in, nil) //nolint:bodyclose // the test cuts it off
			if err != nil || !strings.HasPrefix(resp.Status, want) {
				t.Fatalf("%s: answered %v, error %v", path, resp, err)
			}
			if path == "/page/" {
				_, _ = io.ReadAll(resp.Body)
			}
			return c
		}
		const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
		stays, tunnel := ask(good, "/page/", "", "200"), ask(good, "/tunnel/", upgrade, "101")
		ended := []*client{ask(bad, "/page/", "", "200"), ask(bad, "/endless/", "", "200"), ask(bad, "/tunnel/", upgrade, "101")}
		proxytest.WriteFile(crl, crlOf(bad))
		if err := terminator.Reload(); err != nil {
			t.Fatal(err)
		}
		for _, c := range ended {
			c.rest()
			_ = c.Close()
		}
		r.waitOutcome(outcome.CertificateRevoked, 3)
		if got := stays.get(bufio.NewReader(stays.Conn), "/page/"); got != "200 page" {
			t.Errorf("answered %q", got)
		}
		tunnel.send([]byte("bytes"))
		tunnel.expect([]byte("bytes"))
		_ = stays.Close()
		_ = tunnel.Close()
		r.waitOutcome(outcome.HTTPServed, 2)
	}
}

// openssl shows an expired certificate, and hears of its revocation as a close_notify.
func TestOpenSSLWithAnExpiredCertificateThatIsRevoked(t *testing.T) {
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		crl := proxytest.TempFile(t, "ca.crl", crlOf())
		terminator := revocableTLS(t, crl, func(o *tlsterm.Options) { o.AcceptExpired = true })
		r := startTLS(t, []string{startNode(t, nil).address()}, over(func(t *snapshot.TLS) { t.Terminator = terminator }))
		old := testCA().IssueLike(proxytest.Expired(), "old")
		c := startOpenSSL(t, r, version, "-cert", old.File(t), "-key", old.File(t))
		c.Say(string(connect311))
		c.Say("sent back")
		c.Hears("sent back")
		proxytest.WriteFile(crl, crlOf(old))
		if err := terminator.Reload(); err != nil {
			t.Fatal(err)
		}
		c.Hears("closed")
		r.waitOutcome(outcome.CertificateRevoked, 1)
		r.waitLine("outcome=certificate_revoked certificate=expired error=")
	}
}
