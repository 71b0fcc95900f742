package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Verification says what is checked of a node's certificate.
type Verification uint8

// A chain is checked with its validity and its key usage.
const (
	VerifyName    Verification = iota // the chain, and the name of the node
	VerifyChain                       // the chain: the certificates of old brokers have no name that counts
	VerifyNothing                     // CA is then ignored
)

// chainVerifier checks the chain of a node's certificate, as crypto/tls does unless it has to skip that, and not the
// name.
type chainVerifier struct {
	roots *x509.CertPool // nil: the system's
	now   func() time.Time
}

// verify is the VerifyConnection of a tls.Config with InsecureSkipVerify. crypto/tls calls it for resumed sessions,
// too, with the certificates of the session.
func (v *chainVerifier) verify(state tls.ConnectionState) error {
	certs := state.PeerCertificates
	if len(certs) == 0 { // crypto/tls accepts no server without a certificate
		return errors.New("the node has shown no certificate")
	}
	_, err := verifyChain(certs[0], certs, x509.VerifyOptions{Roots: v.roots, CurrentTime: v.now()})
	return err
}

// verifyChain verifies leaf, the first of the certificates that a peer has sent, and returns its chains. The others are
// its intermediates. The error is that of crypto/tls.
func verifyChain(leaf *x509.Certificate, certs []*x509.Certificate, o x509.VerifyOptions) ([][]*x509.Certificate, error) {
	o.Intermediates = poolOf(certs[1:])
	chains, err := leaf.Verify(o)
	if err != nil {
		return nil, &tls.CertificateVerificationError{UnverifiedCertificates: certs, Err: err}
	}
	return chains, nil
}

// explainNodeName replaces the error about a certificate without any SAN, with one that names the setting which accepts
// it. crypto/x509 ignores the Common Name, and does not say so if it is not the name that was wanted.
func explainNodeName(err error) error {
	unverified, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok {
		return err
	}
	wrong, ok := errors.AsType[x509.HostnameError](unverified.Err)
	if !ok || hasSAN(wrong.Certificate) {
		return err
	}
	return &tls.CertificateVerificationError{UnverifiedCertificates: unverified.UnverifiedCertificates, Err: fmt.Errorf(
		"the certificate has no SAN, and its CN %q does not count as a name; verify: ca checks the chain without the name (wanted: %s)",
		wrong.Certificate.Subject.CommonName, wrong.Host)}
}

// hasSAN reports whether a certificate has an alternative name of a kind that crypto/x509 reads.
func hasSAN(c *x509.Certificate) bool {
	return len(c.DNSNames)+len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) > 0
}
