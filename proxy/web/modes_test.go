package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// mode is how nodes are spoken to.
type mode struct {
	ca *proxytest.CA // nil: in the clear
}

// inEveryMode runs a test with nodes of each mode.
func inEveryMode(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	t.Run("http", func(t *testing.T) { test(t, mode{}) })
	t.Run("https", func(t *testing.T) { test(t, mode{proxytest.NewCA("a CA")}) })
}

// inEveryModeAbreast is inEveryMode for a test that waits more than it works.
func inEveryModeAbreast(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"http":  func(t *testing.T) { test(t, mode{}) },
		"https": func(t *testing.T) { test(t, mode{proxytest.NewCA("a CA")}) },
	})
}

// newNode is newNode for a node of the mode.
func (m mode) newNode(t *testing.T, name string, handler http.Handler) *node {
	t.Helper()
	if m.ca == nil {
		return newNode(t, name, handler)
	}
	return newTLSNode(t, name, handler, &tls.Config{Certificates: []tls.Certificate{m.ca.Issue(name + ".test").TLS}})
}

// start is start for nodes of the mode.
func (m mode) start(t *testing.T, nodes []*node, settings ...setting) *rig {
	t.Helper()
	if m.ca != nil {
		settings = append(settings, withSecure(m.ca, nil))
	}
	return start(t, nodes, settings...)
}

// withSecure has a rig believe a CA: a node a has to show a certificate of a.test.
// change, which may be nil, is for what else a test needs.
func withSecure(ca *proxytest.CA, change func(*tls.Config)) setting {
	return func(r *rig, _ *Options) {
		r.pool.Secure = func(ctx context.Context, conn net.Conn, n *balancer.Node) (net.Conn, error) {
			config := ca.Trust(n.Name + ".test")
			if change != nil {
				change(config)
			}
			secured := tls.Client(conn, config)
			if err := secured.HandshakeContext(ctx); err != nil {
				return nil, err
			}
			return secured, nil
		}
	}
}

// newTLSNode starts a node that speaks TLS.
func newTLSNode(t *testing.T, name string, handler http.Handler, config *tls.Config) *node {
	t.Helper()
	n := &node{t: t, name: name, handler: handler, wrap: func(ln net.Listener) net.Listener { return tls.NewListener(ln, config) }}
	if handler == nil {
		n.handler = http.HandlerFunc(n.tell)
	}
	n.start("127.0.0.1:0")
	t.Cleanup(n.kill)
	return n
}
