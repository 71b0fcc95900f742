package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// admission decides about a client at the end of its handshake. The checks run for resumed sessions, too, so that
// a ticket becomes useless when the certificate is revoked or its name is no longer allowed.
type admission struct {
	names   *names
	crls    *revocations   // nil: no check
	anchors *x509.CertPool // not nil: expired certificates are accepted, and crypto/tls has not verified the chain
	now     func() time.Time
}

var (
	errUnknownName   = errors.New("the listener has no certificate for the name, and strict_sni refuses others")
	errBadCommonName = errors.New("the client certificate's Common Name")
)

// verify is the VerifyConnection of a tls.Config.
func (a *admission) verify(state tls.ConnectionState) error {
	_, err := a.admit(state)
	return err
}

// admit returns the verified chains of the client's certificate, or an error that ends the handshake.
func (a *admission) admit(state tls.ConnectionState) (chains [][]*x509.Certificate, err error) {
	if a.names.lookup(state.ServerName) == nil {
		return nil, errUnknownName
	}
	if len(state.PeerCertificates) == 0 {
		return nil, nil
	}
	chains = state.VerifiedChains
	if a.anchors != nil {
		if chains, err = a.chainsOf(state.PeerCertificates); err != nil {
			return nil, err
		}
	}
	if err := CheckCommonName(state.PeerCertificates[0].Subject.CommonName); err != nil {
		return nil, err
	}
	if a.crls != nil {
		err = a.crls.check(chains, a.now())
	}
	return chains, err
}

// chainsOf verifies a client's certificate as crypto/tls does, except that it may have expired. It must have become
// valid, and its CAs must be valid now: whoever has client_ca can renew those without a visit to the devices.
func (a *admission) chainsOf(certs []*x509.Certificate) ([][]*x509.Certificate, error) {
	o := x509.VerifyOptions{
		Roots:       a.anchors,
		CurrentTime: a.now(),
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	leaf := certs[0]
	if o.CurrentTime.After(leaf.NotAfter) {
		// Verify reads the validity from this field, and all that is signed from the bytes of the certificate.
		still := *leaf
		still.NotAfter = o.CurrentTime
		leaf = &still
	}
	return verifyChain(leaf, certs, o)
}

// CheckCommonName refuses a Common Name that a broker would take for another name or could not accept at all. The
// broker uses it as a user name or client identifier [MQTT-1.5.4-1] [MQTT-1.5.4-2].
func CheckCommonName(name string) error {
	switch {
	case len(name) > maxCommonName:
		return fmt.Errorf("%w has %d bytes, more than %d", errBadCommonName, len(name), maxCommonName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w is not UTF-8", errBadCommonName)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w has a control character", errBadCommonName)
		}
	}
	return nil
}
