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

// ClientAuth says whether a listener asks its clients for a certificate.
type ClientAuth uint8

// Request accepts clients without a certificate. But if a client presents one, it must be valid, under
// Request, too.
const (
	ClientAuthNone ClientAuth = iota
	ClientAuthRequest
	ClientAuthRequire
)

// forTLS returns the value of crypto/tls for a.
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

// authorities are the CAs that may issue client certificates. They are immutable.
type authorities struct {
	certs []*x509.Certificate
}

func loadAuthorities(kind Kind, file string) (*authorities, error) {
	text, err := readFile(file, maxAuthorityFile)
	if err != nil {
		return nil, aboutFile(kind, file, err)
	}
	certs, err := parseCertificates(text)
	if err != nil {
		return nil, aboutFile(kind, file, err)
	}
	for _, c := range certs {
		if c.Version >= 3 && !c.IsCA { // old roots are of version 1, which has no CA flag
			return nil, aboutFile(kind, file, fmt.Errorf("%q is not the certificate of a CA", c.Subject))
		}
	}
	return &authorities{certs}, nil
}

// poolOf returns cas as a pool for crypto/tls.
func poolOf(cas []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range cas {
		pool.AddCert(c)
	}
	return pool
}

// names returns the CAs' names, for people.
func (a *authorities) names() []string {
	var list []string
	for _, c := range a.certs {
		list = append(list, c.Subject.String())
	}
	return list
}

// validity returns the period in which all CAs of a are valid.
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

// endingAt returns the names of the CAs whose validity ends then.
func (a *authorities) endingAt(end time.Time) []string {
	var list []string
	for _, c := range a.certs {
		if c.NotAfter.Equal(end) {
			list = append(list, c.Subject.String())
		}
	}
	return list
}

// admission checks a client whose chain crypto/tls has verified. The checks run for resumed sessions, too, so that
// a ticket becomes useless when the certificate is revoked or its name is no longer allowed. It is immutable.
type admission struct {
	names *names
	crls  *revocations // nil: no check
	now   func() time.Time
}

var (
	errUnknownName   = errors.New("the listener has no certificate for the name, and strict_sni refuses others")
	errBadCommonName = errors.New("the client certificate's Common Name")
)

// verify is the VerifyConnection of a tls.Config.
func (a *admission) verify(state tls.ConnectionState) error {
	if a.names.lookup(state.ServerName) == nil {
		return errUnknownName
	}
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	if err := CheckCommonName(state.PeerCertificates[0].Subject.CommonName); err != nil {
		return err
	}
	if a.crls == nil {
		return nil
	}
	return a.crls.check(state.VerifiedChains, a.now())
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

// selfIssued reports whether a certificate ends its chain.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }
