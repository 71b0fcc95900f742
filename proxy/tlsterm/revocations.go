package tlsterm

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// issuerKey identifies a CA by its name and its key.
type issuerKey struct{ subject, key string }

func keyOf(c *x509.Certificate) issuerKey {
	return issuerKey{string(c.RawSubject), string(c.RawSubjectPublicKeyInfo)}
}

// revocations are the newest CRLs of each CA.
//
// They work as OpenSSL does for HAProxy's crl-file. If there are any CRLs, each certificate of a chain below its
// anchor needs a CRL of its issuer. An outdated CRL refuses all clients of its CA: otherwise an attacker who
// withholds the new CRL could still use a revoked certificate.
type revocations struct {
	byIssuer map[issuerKey]*crl // of the CAs in client_ca

	// unplaced are the lists, by the name of their issuer, whose issuer is not in client_ca. It may be an
	// intermediate that only clients send. Its key, and so the signature of the list, is known when the first
	// of them does.
	unplaced map[string][]*crl

	placing sync.Mutex // guards placed, also while a signature is checked
	placed  map[issuerKey]placement

	following sync.Mutex // guards lineages, for loops
	lineages  map[lineage][]line
}

// placement is the list of a CA that is not in client_ca, or the reason why it has none.
type placement struct {
	list *crl
	err  error
}

// newRevocations checks the signature of each list against the CAs. A list of another CA stays unplaced.
func newRevocations(lists [][]*crl, cas []*x509.Certificate) (*revocations, error) {
	r := &revocations{byIssuer: map[issuerKey]*crl{}, unplaced: map[string][]*crl{}, placed: map[issuerKey]placement{}, lineages: map[lineage][]line{}}
	var strange []*crl
	for _, l := range slices.Concat(lists...) {
		signed := false
		for _, ca := range cas {
			if l.isOf(ca) {
				signed = true
				r.byIssuer[keyOf(ca)] = newest(r.byIssuer[keyOf(ca)], l)
			}
		}
		if !signed {
			strange = append(strange, l)
		}
	}
	var errs []error
	for _, l := range strange {
		if slices.ContainsFunc(cas, func(ca *x509.Certificate) bool { return r.mustBeOf(l, ca) }) {
			errs = append(errs, aboutFile(KindCRL, l.file, fmt.Errorf("the CRL of %q is not signed by the CA of this name in client_ca", l.list.Issuer)))
			continue
		}
		name := string(l.list.RawIssuer)
		r.unplaced[name] = append(r.unplaced[name], l)
	}
	return r, errors.Join(errs...)
}

// mustBeOf reports whether a list that a CA has not signed should be its list. Another CA may have the same name and
// another key; but then the first has a list, too.
func (r *revocations) mustBeOf(l *crl, ca *x509.Certificate) bool {
	sameKey := len(l.list.AuthorityKeyId) == 0 || len(ca.SubjectKeyId) == 0 || bytes.Equal(l.list.AuthorityKeyId, ca.SubjectKeyId)
	return bytes.Equal(ca.RawSubject, l.list.RawIssuer) && (sameKey || r.byIssuer[keyOf(ca)] == nil)
}

// newest returns the newer one of two lists of a CA. old may be nil.
func newest(old, l *crl) *crl {
	if old == nil || l.list.ThisUpdate.After(old.list.ThisUpdate) {
		return l
	}
	return old
}

// of returns the list of a CA. It checks the signature of an unplaced list when it meets the CA for the first time.
func (r *revocations) of(ca *x509.Certificate) (*crl, error) {
	key := keyOf(ca)
	if l := r.byIssuer[key]; l != nil {
		return l, nil
	}
	lists := r.unplaced[string(ca.RawSubject)]
	if len(lists) == 0 {
		return nil, fmt.Errorf("%w (%q)", errNoCRL, ca.Subject)
	}
	r.placing.Lock()
	defer r.placing.Unlock()
	p, known := r.placed[key]
	if !known {
		for _, l := range lists {
			if l.isOf(ca) {
				p.list = newest(p.list, l)
			}
		}
		if p.list == nil {
			p.err = fmt.Errorf("%w (%q, %s)", errCRLForged, ca.Subject, lists[0].file)
		}
		r.placed[key] = p
	}
	return p.list, p.err
}

// strangers returns the unplaced lists, in the order of files.
func (r *revocations) strangers() (all []*crl) {
	for _, lists := range r.unplaced {
		all = append(all, lists...)
	}
	slices.SortFunc(all, func(a, b *crl) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.list.Issuer.String(), b.list.Issuer.String()))
	})
	return all
}

// without returns the CAs that have no list and so refuse their clients. A CA above another one may have signed nothing else.
func (r *revocations) without(cas []*x509.Certificate) (bare []*x509.Certificate) {
	for _, ca := range cas {
		below := func(c *x509.Certificate) bool { return !selfIssued(c) && c.CheckSignatureFrom(ca) == nil }
		if r.byIssuer[keyOf(ca)] == nil && !slices.ContainsFunc(cas, below) {
			bare = append(bare, ca)
		}
	}
	return bare
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
	l, err := r.of(issuer)
	switch {
	case err != nil:
		return fmt.Errorf("certificate of %q: %w", c.Subject, err)
	case l.has(c):
		return fmt.Errorf("certificate of %q, serial %x: %w", c.Subject, c.SerialNumber, errRevoked)
	case now.Before(l.list.ThisUpdate) || !l.list.NextUpdate.IsZero() && now.After(l.list.NextUpdate):
		return fmt.Errorf("certificate of %q: %w (%q, %s, valid from %s to %s)", c.Subject, errCRLInvalid, issuer.Subject, l.file,
			l.list.ThisUpdate.Format(time.RFC3339), l.list.NextUpdate.Format(time.RFC3339))
	}
	return nil
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
