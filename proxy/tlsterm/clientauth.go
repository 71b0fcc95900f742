package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"
)

// ClientAuth is what a listener asks of its clients.
type ClientAuth uint8

// A certificate that a client presents must be valid under Request too; Request lets those pass who have none.
const (
	ClientAuthNone ClientAuth = iota
	ClientAuthRequest
	ClientAuthRequire
)

// forTLS is a's name in crypto/tls.
func (a ClientAuth) forTLS() tls.ClientAuthType {
	switch a {
	case ClientAuthRequest:
		return tls.VerifyClientCertIfGiven
	case ClientAuthRequire:
		return tls.RequireAndVerifyClientCert
	default:
		return tls.NoClientCert
	}
}

// authorities are the CAs that client certificates may come from. They are immutable.
type authorities struct {
	certs []*x509.Certificate
}

func loadAuthorities(file string) (*authorities, error) {
	text, err := readFile(file, maxAuthorityFile)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(file, text)
	if err != nil {
		return nil, err
	}
	for _, c := range certs {
		if c.Version >= 3 && !c.IsCA { // old roots are of version 1, which cannot say
			return nil, fmt.Errorf("%s: %q is not the certificate of a CA", file, c.Subject)
		}
	}
	return &authorities{certs}, nil
}

// poolOf is these CAs as crypto/tls wants them.
func poolOf(cas []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range cas {
		pool.AddCert(c)
	}
	return pool
}

// names are the CAs' names, for people.
func (a *authorities) names() []string {
	var list []string
	for _, c := range a.certs {
		list = append(list, c.Subject.String())
	}
	return list
}

// validity is the time in which all of a are valid.
func (a *authorities) validity() (notBefore, notAfter time.Time) {
	for i, c := range a.certs {
		if i == 0 || c.NotBefore.After(notBefore) {
			notBefore = c.NotBefore
		}
		if i == 0 || c.NotAfter.Before(notAfter) {
			notAfter = c.NotAfter
		}
	}
	return notBefore, notAfter
}

// admission is what a client must pass after crypto/tls has verified its chain. It runs for resumed sessions too: a
// ticket outlives neither a revocation nor a name that was taken away. It is immutable.
type admission struct {
	names *names
	crls  *revocations // nil: nobody asks
	now   func() time.Time
}

var (
	errUnknownName   = errors.New("the listener has no certificate for the name, and strict_sni refuses others")
	errBadCommonName = errors.New("the client certificate's Common Name")
)

// verify is a tls.Config's VerifyConnection.
func (a *admission) verify(state tls.ConnectionState) error {
	if a.names.lookup(state.ServerName) == nil {
		return errUnknownName
	}
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if err := checkCommonName(state.PeerCertificates[0].Subject.CommonName); err != nil {
		return err
	}
	if a.crls == nil {
		return nil
	}
	return a.crls.check(state.VerifiedChains, a.now())
}

// checkCommonName refuses what a broker would take for another name or could not take at all: it becomes a user name
// or a client identifier there [MQTT-1.5.4-1] [MQTT-1.5.4-2].
func checkCommonName(name string) error {
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

// selfIssued says whether a certificate ends its chain.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }
