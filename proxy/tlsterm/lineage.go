package tlsterm

import (
	"crypto/x509"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unique"
)

// credential is what a session keeps of its client's certificate: the name for its line, and for a CRL that is loaded
// later and may end it, the serial number and the chains above the certificate, which all certificates of one issuer
// share.
type credential struct {
	commonName string
	serial     string // big-endian
	above      lineage
	expired    bool // the certificate had expired, and Options.AcceptExpired let it pass
}

// lineage holds the chains of CAs above a certificate, from its issuer to the anchor, in DER.
type lineage struct{ unique.Handle[string] }

// newCredential returns the credential of a certificate with its verified chains, which begin with it.
func newCredential(c *x509.Certificate, chains [][]*x509.Certificate, expired bool) *credential {
	var text []byte
	for _, chain := range chains {
		at := len(text)
		text = append(text, make([]byte, 4)...)
		for _, ca := range chain[1:] {
			text = append(text, ca.Raw...)
		}
		binary.BigEndian.PutUint32(text[at:], uint32(len(text)-at-4))
	}
	return &credential{strings.Clone(c.Subject.CommonName), string(c.SerialNumber.Bytes()), lineage{unique.Make(string(text))}, expired}
}

// chains parses the chains of a lineage.
func (n lineage) chains() (chains [][]*x509.Certificate) {
	for text := []byte(n.Value()); len(text) > 0; {
		size := 4 + binary.BigEndian.Uint32(text)
		chain, err := x509.ParseCertificates(text[4:size])
		if err != nil { // they were parsed once
			return nil
		}
		chains, text = append(chains, chain), text[size:]
	}
	return chains
}

// line is what CRLs say of one chain of CAs.
type line struct {
	list    *crl // of the certificates that the first CA has issued; nil: there is none
	revoked bool // one of the CAs is revoked
	covered bool // there is a list for each of them, and for what the first has issued
}

// follow returns the lines of a lineage. A look at many sessions asks for the same few again and again.
func (r *revocations) follow(n lineage) []line {
	r.following.Lock()
	lines, known := r.lineages[n]
	r.following.Unlock()
	if known {
		return lines
	}
	for _, chain := range n.chains() {
		lines = append(lines, r.lineOf(chain))
	}
	r.following.Lock()
	defer r.following.Unlock()
	r.lineages[n] = lines
	return lines
}

// prepare follows the lineages that were asked for under the lists before, so that no event loop has to wait for the
// signature of a large list.
func (r *revocations) prepare(before *revocations) {
	before.following.Lock()
	known := slices.Collect(maps.Keys(before.lineages))
	before.following.Unlock()
	for _, n := range known {
		r.follow(n)
	}
}

func (r *revocations) lineOf(cas []*x509.Certificate) line {
	l := line{covered: true}
	for i, ca := range cas {
		list, err := r.of(ca)
		if err != nil {
			l.covered = false
			continue
		}
		if i == 0 {
			l.list = list
		} else {
			l.revoked = l.revoked || list.has(cas[i-1])
		}
	}
	return l
}

// revoke reports whether the lists revoke a certificate, or a CA above it, and leave no other chain for it. Other than
// at a handshake, a list that is out of date still counts, and one that is missing ends no session.
func (r *revocations) revoke(c *credential) (revoked bool) {
	for _, l := range r.follow(c.above) {
		switch {
		case l.revoked || l.list != nil && l.list.hasSerial(c.serial):
			revoked = true
		case l.covered:
			return false
		}
	}
	return revoked
}
