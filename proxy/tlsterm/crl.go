package tlsterm

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The reasons why a certificate fails the check against the CRLs.
var (
	errRevoked    = errors.New("revoked")
	errNoCRL      = errors.New("no CRL of its issuer is loaded")
	errCRLInvalid = errors.New("the CRL of its issuer is out of date")
)

// crl is one certificate revocation list (RFC 5280, 5).
type crl struct {
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
		c := &crl{list, make(map[string]struct{}, len(list.RevokedCertificateEntries))}
		for _, e := range list.RevokedCertificateEntries {
			c.revoked[string(e.SerialNumber.Bytes())] = struct{}{}
		}
		list.RevokedCertificateEntries = nil
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

// issuerKey identifies a CA by its name and its key.
type issuerKey struct{ subject, key string }

func keyOf(c *x509.Certificate) issuerKey {
	return issuerKey{string(c.RawSubject), string(c.RawSubjectPublicKeyInfo)}
}

// revocations are the newest CRLs of each CA. They are immutable.
//
// They work as OpenSSL does for HAProxy's crl-file. If there are any CRLs, each certificate of a chain below its
// anchor needs a CRL of its issuer. An outdated CRL refuses all clients of its CA: otherwise an attacker who
// withholds the new CRL could still use a revoked certificate.
type revocations struct {
	byIssuer map[issuerKey]*crl
}

// newRevocations checks the signature of each list against the CAs. lists are in the
// order of files.
func newRevocations(files []string, lists [][]*crl, cas []*x509.Certificate) (*revocations, error) {
	r := &revocations{map[issuerKey]*crl{}}
	var errs []error
	for i, file := range files {
		for _, l := range lists[i] {
			signed := false
			for _, ca := range cas {
				if !bytes.Equal(ca.RawSubject, l.list.RawIssuer) || l.list.CheckSignatureFrom(ca) != nil {
					continue
				}
				signed = true
				if old := r.byIssuer[keyOf(ca)]; old == nil || l.list.ThisUpdate.After(old.list.ThisUpdate) {
					r.byIssuer[keyOf(ca)] = l
				}
			}
			if !signed {
				errs = append(errs, aboutFile(KindCRL, file, fmt.Errorf("the CRL of %q is not signed by a CA of client_ca", l.list.Issuer)))
			}
		}
	}
	return r, errors.Join(errs...)
}

// check passes a client if at least one of its chains has no revoked certificate.
func (r *revocations) check(chains [][]*x509.Certificate, now time.Time) error {
	var err error
	for _, chain := range chains {
		if err = r.checkChain(chain, now); err == nil {
			return nil
		}
	}
	return err
}

func (r *revocations) checkChain(chain []*x509.Certificate, now time.Time) error {
	for i := range len(chain) - 1 {
		if err := r.checkOne(chain[i], chain[i+1], now); err != nil {
			return err
		}
	}
	return nil
}

func (r *revocations) checkOne(c, issuer *x509.Certificate, now time.Time) error {
	l := r.byIssuer[keyOf(issuer)]
	switch {
	case l == nil:
		return fmt.Errorf("certificate of %q: %w (%q)", c.Subject, errNoCRL, issuer.Subject)
	case l.has(c):
		return fmt.Errorf("certificate of %q, serial %x: %w", c.Subject, c.SerialNumber, errRevoked)
	case now.Before(l.list.ThisUpdate) || !l.list.NextUpdate.IsZero() && now.After(l.list.NextUpdate):
		return fmt.Errorf("certificate of %q: %w (%q, valid from %s to %s)", c.Subject, errCRLInvalid, issuer.Subject,
			l.list.ThisUpdate.Format(time.RFC3339), l.list.NextUpdate.Format(time.RFC3339))
	}
	return nil
}

func (l *crl) has(c *x509.Certificate) bool {
	_, revoked := l.revoked[string(c.SerialNumber.Bytes())]
	return revoked
}

// unrevoked returns the CAs that no CRL revokes. Without this, crypto/tls would trust a revoked intermediate
// among the anchors, because it does not check further up the chain.
func (r *revocations) unrevoked(cas []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(cas), func(ca *x509.Certificate) bool {
		if selfIssued(ca) {
			return false
		}
		issuer := issuerOf(ca, cas)
		if issuer == nil {
			return false
		}
		l := r.byIssuer[keyOf(issuer)]
		return l != nil && l.has(ca)
	})
}
