package web

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// mode is the protocol of the nodes.
type mode struct {
	ca *proxytest.CA // nil: no TLS
}

// inEveryMode runs a test with nodes of each mode.
func inEveryMode(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	t.Run("http", func(t *testing.T) { test(t, mode{}) })
	t.Run("https", func(t *testing.T) { test(t, mode{proxytest.NewCA("a CA")}) })
}

// inEveryModeParallel runs the modes in parallel, for a test that mostly waits.
func inEveryModeParallel(t *testing.T, test func(*testing.T, mode)) {
	t.Helper()
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"http":  func(t *testing.T) { test(t, mode{}) },
		"https": func(t *testing.T) { test(t, mode{proxytest.NewCA("a CA")}) },
	})
}

// newNode starts a node of the mode.
func (m mode) newNode(t *testing.T, name string, handler http.Handler) *node {
	t.Helper()
	if m.ca == nil {
		return newNode(t, name, handler)
	}
	return newTLSNode(t, name, handler, &tls.Config{Certificates: []tls.Certificate{m.ca.Issue(name + ".test").TLS}})
}

// start is like the function start, for nodes of the mode.
func (m mode) start(t *testing.T, nodes []*node, settings ...setting) *rig {
	t.Helper()
	if m.ca != nil {
		settings = append(settings, withSecure(m.ca))
	}
	return start(t, nodes, settings...)
}

// withSecure makes a rig trust a CA: a node a must have a certificate for a.test. Nodes
// that ask for a certificate get the one in show.
func withSecure(ca *proxytest.CA, show ...proxytest.Pair) setting {
	return func(r *rig, _ *setup) {
		o := tlsterm.NodeOptions{Hosts: map[string]string{}, CA: proxytest.TempFile(r.t, "ca.pem", ca.Cert)}
		for _, n := range r.pool.Nodes() {
			o.Hosts[n.Name] = n.Name + ".test"
		}
		for _, pair := range show {
			o.Certificate.Cert = pair.File(r.t)
		}
		originator, err := tlsterm.NewOriginator(o)
		if err != nil {
			r.t.Fatal(err)
		}
		r.pool.TLS = snapshot.NewNodeTLS(originator, r.pool.Nodes())
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
