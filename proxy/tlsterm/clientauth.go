package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
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

// forTLS returns the value of crypto/tls for a. If ours is true, crypto/tls leaves the verification of the chain to us.
func (a ClientAuth) forTLS(ours bool) tls.ClientAuthType {
	switch {
	case a == ClientAuthRequest && ours:
		return tls.RequestClientCert
	case a == ClientAuthRequest:
		return tls.VerifyClientCertIfGiven
	case a == ClientAuthRequire && ours:
		return tls.RequireAnyClientCert
	case a == ClientAuthRequire:
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

// poolOf returns certificates as a pool for crypto/tls.
func poolOf(certs []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
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

// selfIssued reports whether a certificate ends its chain.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }
