package proxy

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// inEachTLSMode is inEachMode for tests that need TLS clients.
func inEachTLSMode(t *testing.T, test func(*testing.T, mode)) {
	for _, m := range []mode{mqttsToMQTT, wssToWS, wssToMQTT, wssToWSS} {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// testCA signs the certificates of the test listeners and of their clients.
var testCA = sync.OnceValue(func() *proxytest.CA { return proxytest.NewCA("CA") })

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// nodeConfig is the configuration of nodes that speak TLS.
var nodeConfig = sync.OnceValue(func() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{testCA().Issue("node.example").TLS}}
})

// testNodeTLS trusts certificates of testCA for node.example. show are our own certificates for the
// nodes.
func testNodeTLS(nodes []*balancer.Node, show ...proxytest.Pair) *snapshot.NodeTLS {
	dir := must(os.MkdirTemp("", "mqttlb-proxy-"))
	defer os.RemoveAll(dir) // the files are read once
	o := tlsterm.NodeOptions{
		Hosts: make(map[string]string),
		CA:    proxytest.WriteFile(filepath.Join(dir, "ca.pem"), testCA().Cert),
	}
	for _, n := range nodes {
		o.Hosts[n.Name] = "node.example"
	}
	for _, c := range show {
		o.Certificate.Cert = proxytest.WriteFile(filepath.Join(dir, "pair.pem"), c.Cert, c.Key)
	}
	return snapshot.NewNodeTLS(must(tlsterm.NewOriginator(o)), nodes)
}

// testTerminator requests a client certificate and does not require one.
var testTerminator = sync.OnceValue(func() *tlsterm.Terminator {
	dir := must(os.MkdirTemp("", "mqttlb-proxy-"))
	defer os.RemoveAll(dir) // the files are read once
	server := testCA().Issue("broker.example")
	return must(tlsterm.New(tlsterm.Options{
		Certificates: []tlsterm.CertificateFile{{Cert: proxytest.WriteFile(filepath.Join(dir, "pair.pem"), server.Cert, server.Key)}},
		ClientAuth:   tlsterm.ClientAuthRequest,
		ClientCA:     proxytest.WriteFile(filepath.Join(dir, "ca.pem"), testCA().Cert),
	}))
})

// testTLS returns the TLS of a test listener, without limits.
func testTLS() *snapshot.TLS {
	return &snapshot.TLS{Terminator: testTerminator(), Gate: tlsterm.NewGate(0, 0, 0), Timeout: patience}
}

// clientTLS returns a client's configuration that trusts testCA. change may be nil.
func clientTLS(change func(*tls.Config)) *tls.Config {
	c := testCA().Trust("broker.example")
	if change != nil {
		change(c)
	}
	return c
}

// secure makes the TLS handshake on the client's connection. change may be nil.
func (c *client) secure(change func(*tls.Config)) {
	c.t.Helper()
	over := tls.Client(c.Conn, clientTLS(change))
	if err := over.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("TLS handshake: %v", err)
	}
	c.Conn = over
}
