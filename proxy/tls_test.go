package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"mqttlb/proxy/tlsterm"
)

// inEachTLSMode is inEachMode for clients that speak TLS.
func inEachTLSMode(t *testing.T, test func(*testing.T, mode)) {
	for _, m := range []mode{mqttsToMQTT, wssToWS, wssToMQTT, wssToWSS} {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// testCA signs the certificate that every listener of a test shows, and those of
// its clients.
var testCA = sync.OnceValue(func() *authority {
	a := &authority{}
	a.certificate = a.issue("CA")
	return a
})

type authority struct{ certificate *tls.Certificate }

// issue makes a certificate with a Common Name; the first one is the CA's own.
func (a *authority) issue(name string) *tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<62))), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
	}
	parent, signer := template, key
	if a.certificate == nil {
		template.IsCA = true
	} else {
		parent, signer = a.certificate.Leaf, a.certificate.PrivateKey.(*ecdsa.PrivateKey)
	}
	der := must(x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// nodeConfig is that of the nodes that speak TLS.
var nodeConfig = sync.OnceValue(func() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{*testCA().issue("node.example")}}
})

// testNodeTLS believes the certificates of testCA that name node.example; show is what
// the nodes are shown.
func testNodeTLS(nodes int, show ...*tls.Certificate) *NodeTLS {
	dir := must(os.MkdirTemp("", "mqttlb-proxy-"))
	defer os.RemoveAll(dir) // the files are read once
	o := tlsterm.NodeOptions{
		Hosts: slices.Repeat([]string{"node.example"}, nodes),
		CA:    writePEM(dir, "ca.pem", "CERTIFICATE", testCA().certificate.Certificate[0]),
	}
	for _, c := range show {
		o.Certificate = writePair(dir, c)
	}
	return NewNodeTLS(must(tlsterm.NewOriginator(o)), nodes)
}

// writePair writes a certificate and its key.
func writePair(dir string, c *tls.Certificate) tlsterm.CertificateFile {
	return tlsterm.CertificateFile{
		Cert: writePEM(dir, "cert.pem", "CERTIFICATE", c.Certificate[0]),
		Key:  writePEM(dir, "key.pem", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(c.PrivateKey))),
	}
}

// writePEM writes a file and returns its path.
func writePEM(dir, name, kind string, der []byte) string {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		panic(err)
	}
	return path
}

// testTerminator asks clients for a certificate and takes them without one too.
var testTerminator = sync.OnceValue(func() *tlsterm.Terminator {
	dir := must(os.MkdirTemp("", "mqttlb-proxy-"))
	defer os.RemoveAll(dir) // the files are read once
	ca, server := testCA(), testCA().issue("broker.example")
	return must(tlsterm.New(tlsterm.Options{
		Certificates: []tlsterm.CertificateFile{writePair(dir, server)},
		ClientAuth:   tlsterm.ClientAuthRequest,
		ClientCA:     writePEM(dir, "ca.pem", "CERTIFICATE", ca.certificate.Certificate[0]),
	}))
})

// testTLS is what a listener of a test needs to end TLS, with no limits of its own.
func testTLS() *TLS {
	return &TLS{Terminator: testTerminator(), Gate: tlsterm.NewGate(0, 0, 0), Timeout: patience}
}

// clientTLS is a client's configuration that believes testCA; change may be nil.
func clientTLS(change func(*tls.Config)) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(testCA().certificate.Leaf)
	c := &tls.Config{RootCAs: roots, ServerName: "broker.example"}
	if change != nil {
		change(c)
	}
	return c
}

// secure makes the client's connection one of TLS; change may be nil.
func (c *client) secure(change func(*tls.Config)) {
	c.t.Helper()
	over := tls.Client(c.Conn, clientTLS(change))
	if err := over.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatalf("TLS handshake: %v", err)
	}
	c.Conn = over
}
