package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// tlsNode starts a node that sends a word to each TLS client and then echoes.
func tlsNode(t *testing.T, word string) *node {
	config := &tls.Config{Certificates: []tls.Certificate{testCA().Issue(word).TLS}}
	return startNode(t, func(c net.Conn) {
		secure := tls.Server(c, config)
		if _, err := io.WriteString(secure, word); err == nil {
			_, _ = io.Copy(secure, struct{ io.Reader }{secure})
		}
	})
}

func TestPassthroughGoesByTheServerName(t *testing.T) {
	rest, special := tlsNode(t, "rest"), tlsNode(t, "special")
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "special", Nodes: []balancer.NodeSpec{{Name: "s", Address: special.address()}}})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, []string{rest.address()}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Protocol = snapshot.Passthrough
		s.Listeners[0].Routes = []snapshot.Route{{SNI: "*.example.com", Pool: &snapshot.Pool{Pool: pool}}}
	})
	for name, want := range map[string]string{"a.example.com": "special", "A.EXAMPLE.COM": "special", "other.org": "rest", "": "rest"} {
		c := tls.Client(r.dialBare(r.srv.Addr("mqtt")), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		b := make([]byte, len(want))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
			t.Errorf("name %q: %q, %v", name, b, err)
		}
		if _, err := io.WriteString(c, "echo"); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(c, b[:4]); err != nil || string(b[:4]) != "echo" {
			t.Errorf("name %q: %q, %v", name, b[:4], err)
		}
		_ = c.Close()
	}
	for _, first := range []string{string(connect311), "GET / HTTP/1.1\r\n\r\n"} {
		c := r.dialBare(r.srv.Addr("mqtt"))
		if _, err := io.WriteString(c, first); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); len(b) > 0 != (first[0] == 'G') {
			t.Errorf("%.10q is answered %q, %v", first, b, err)
		}
	}
	r.waitOutcome(outcome.WrongProtocol, 2)
}
