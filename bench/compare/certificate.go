//go:build linux

package compare

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// serverName is the name in the certificate, which the clients send as SNI.
const serverName = "localhost"

// The required result of every handshake, so that all balancers do the same cryptography.
// haproxy.cfg requires it for HAProxy. For mqttlb the clients do, which offer only this key
// exchange: Go would choose a post-quantum one, and OpenSSL 3.0 has none.
const (
	agreedVersion  = tls.VersionTLS13
	agreedCipher   = tls.TLS_AES_128_GCM_SHA256
	agreedExchange = tls.X25519
)

// kind is the kind of a certificate's key.
type kind int

const (
	ecdsaP256 kind = iota
	rsa2048
)

// certificate is the certificate of all balancers: self-signed, valid for this run.
type certificate struct {
	file  string // PEM, certificate and key
	roots *x509.CertPool
}

// writeCertificate makes a certificate in a folder.
func writeCertificate(folder string, k kind) (certificate, error) {
	key, err := k.generate()
	if err != nil {
		return certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{serverName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 7), // no run is longer
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return certificate{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return certificate{}, err
	}
	both := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	both = append(both, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	c := certificate{file: filepath.Join(folder, fmt.Sprintf("server-%d.pem", k)), roots: x509.NewCertPool()}
	c.roots.AppendCertsFromPEM(both)
	return c, os.WriteFile(c.file, both, 0o600)
}

func (k kind) generate() (crypto.Signer, error) {
	if k == rsa2048 {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// client returns the TLS configuration of the clients. With resume they share their
// latest ticket, so each balancer needs a config of its own.
func (c certificate) client(resume bool) *tls.Config {
	config := &tls.Config{
		RootCAs: c.roots, ServerName: serverName,
		MinVersion: agreedVersion, CurvePreferences: []tls.CurveID{agreedExchange},
	}
	if resume {
		config.ClientSessionCache = latestTicket{tls.NewLRUClientSessionCache(1)}
	}
	return config
}

// latestTicket never loses its ticket. crypto/tls removes a ticket whose handshake fails.
// This happens to handshakes still running at the end of a turn, and the first connection
// of the next turn would have no ticket.
type latestTicket struct{ tls.ClientSessionCache }

// Put implements tls.ClientSessionCache.
func (t latestTicket) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		t.ClientSessionCache.Put(key, s)
	}
}

// checkHandshake makes a handshake with the candidate and checks its result.
func (r *running) checkHandshake(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: r.tls}).DialContext(ctx, "tcp", r.targets[0].String())
	if err != nil {
		return fmt.Errorf("%s: TLS: %w", r.name, err)
	}
	defer func() { _ = conn.Close() }() // nothing was to be sent
	s := conn.(*tls.Conn).ConnectionState()
	if s.Version != agreedVersion || s.CipherSuite != agreedCipher || s.CurveID != agreedExchange {
		return fmt.Errorf("%s agrees on %s, %s and %s, which is not %s, %s and %s", r.name,
			tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.CurveID,
			tls.VersionName(agreedVersion), tls.CipherSuiteName(agreedCipher), agreedExchange)
	}
	return nil
}
