package proxytest

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// Pair is a certificate and its key.
type Pair struct {
	TLS       tls.Certificate // as crypto/tls takes it; Leaf is set
	Cert, Key []byte          // in PEM, the key as PKCS 8
}

func newPair(leaf *x509.Certificate, key crypto.Signer) Pair {
	return Pair{
		TLS:  tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf},
		Cert: PEM("CERTIFICATE", leaf.Raw),
		Key:  PEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key))),
	}
}

// File writes the certificate and then the key into one file, which lives as long as the
// test.
func (p Pair) File(t testing.TB) string {
	t.Helper()
	return TempFile(t, "pair.pem", p.Cert, p.Key)
}

// PEM is one block.
func PEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TempFile makes a file in a folder of its own, which lives as long as the test, and
// returns its path.
func TempFile(t testing.TB, name string, content ...[]byte) string {
	t.Helper()
	return WriteFile(filepath.Join(t.TempDir(), name), content...)
}

// WriteFile writes a file, or writes it over, and returns its path.
func WriteFile(path string, content ...[]byte) string {
	if err := os.WriteFile(path, bytes.Join(content, nil), 0o600); err != nil {
		panic(err)
	}
	return path
}
