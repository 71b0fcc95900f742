package tlsterm

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
)

// The reasons why a certificate fails the check against the CRLs.
var (
	errRevoked    = errors.New("revoked")
	errNoCRL      = errors.New("no CRL of its issuer is loaded")
	errCRLInvalid = errors.New("the CRL of its issuer is out of date")
	errCRLForged  = errors.New("the CRL in the name of its issuer is not signed by it")
)

// crl is one certificate revocation list (RFC 5280, 5).
type crl struct {
	file    string
	list    *x509.RevocationList // without its entries
	revoked map[string]struct{}  // serial numbers, as big-endian bytes
}

// loadCRLs reads the CRLs of a file, PEM or DER.
func loadCRLs(file string) ([]*crl, error) {
	text, err := readFile(file, maxCRLFile)
	if err != nil {
		return nil, aboutFile(KindCRL, file, err)
	}
	var lists []*crl
	add := func(der []byte) error {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return aboutFile(KindCRL, file, fmt.Errorf("CRL %d: %w", len(lists)+1, err))
		}
		for _, e := range list.Extensions {
			if e.Critical {
				// A delta CRL, or one for a part of the certificates. As a complete list it would pass
				// the certificates that it does not cover (RFC 5280, 5.2).
				return aboutFile(KindCRL, file, fmt.Errorf("CRL %d: critical extension %s: only complete CRLs are understood", len(lists)+1, e.Id))
			}
		}
		c := &crl{file, list, make(map[string]struct{}, len(list.RevokedCertificateEntries))}
		for _, e := range list.RevokedCertificateEntries {
			c.revoked[string(e.SerialNumber.Bytes())] = struct{}{}
		}
		list.RevokedCertificateEntries = nil
		list.RevokedCertificates = nil //nolint:staticcheck // crypto/x509 fills this field with the same entries
		lists = append(lists, c)
		return nil
	}
	if text[0] == 0x30 { // SEQUENCE: DER
		if err := add(text); err != nil {
			return nil, err
		}
		return lists, nil
	}
	blocks, err := decodePEM(text)
	if err != nil {
		return nil, aboutFile(KindCRL, file, err)
	}
	for _, block := range blocks {
		if block.Type == "X509 CRL" {
			if err := add(block.Bytes); err != nil {
				return nil, err
			}
		}
	}
	if len(lists) == 0 {
		return nil, aboutFile(KindCRL, file, missing(wantCRL, "X509 CRL", blocks, text))
	}
	return lists, nil
}

// has reports whether the list has the serial number of a certificate.
func (l *crl) has(c *x509.Certificate) bool { return l.hasSerial(string(c.SerialNumber.Bytes())) }

func (l *crl) hasSerial(serial string) bool {
	_, revoked := l.revoked[serial]
	return revoked
}

// isOf reports whether an authority has signed the list.
func (l *crl) isOf(ca *x509.Certificate) bool {
	return bytes.Equal(ca.RawSubject, l.list.RawIssuer) && l.list.CheckSignatureFrom(ca) == nil
}
