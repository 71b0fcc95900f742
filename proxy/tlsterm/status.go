package tlsterm

import (
	"fmt"
	"os"
	"time"
)

// Kind is the kind of content of a file.
type Kind string

// The kinds of files.
const (
	KindCertificate Kind = "certificate"
	KindClientCA    Kind = "client_ca"
	KindCA          Kind = "ca" // of nodes
	KindCRL         Kind = "crl"
	KindTicketKeys  Kind = "ticket_keys"
)

// CertificateStatus describes a file of a listener or a pool, and its content in force.
type CertificateStatus struct {
	Kind Kind
	File string // if certificate and key are two files, the certificate's

	// Names are the DNS names of a certificate, or the distinguished names of CAs and of the issuers of
	// CRLs.
	Names []string

	// NotBefore and NotAfter limit the time in which everything in the file is valid; zero for ticket keys. After
	// it, the peer refuses a certificate, and a CRL refuses all clients of its CA.
	NotBefore, NotAfter time.Time

	LoadedAt time.Time // when the content in force was read
	Err      error     // why the file's current content is not in force; nil if it is
}

// Warning describes a problem with the validity, or returns "". It warns of an approaching end except for CRLs, which
// are renewed every few days.
func (s *CertificateStatus) Warning(now time.Time) string {
	switch {
	case !s.NotBefore.IsZero() && now.Before(s.NotBefore):
		return fmt.Sprintf("%s is not valid before %s", s.File, s.NotBefore.UTC().Format(time.RFC3339))
	case s.NotAfter.IsZero():
		return ""
	case now.After(s.NotAfter):
		return fmt.Sprintf("%s has expired at %s", s.File, s.NotAfter.UTC().Format(time.RFC3339))
	case s.Kind != KindCRL && now.Add(expirySoon).After(s.NotAfter):
		return fmt.Sprintf("%s expires within %d days, at %s", s.File, expirySoon/(24*time.Hour), s.NotAfter.UTC().Format(time.RFC3339))
	}
	return ""
}

// warnings returns the Warnings of a Terminator or an Originator.
func (m *material) warnings(from *sources, now time.Time) []string {
	var list []string
	for _, s := range m.status(from) {
		if warning := s.Warning(now); warning != "" {
			list = append(list, warning)
		}
	}
	for _, file := range from.keyFiles() {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
			list = append(list, fmt.Sprintf("%s holds a key and everybody on this machine may read it (mode %#o)", file, info.Mode().Perm()))
		}
	}
	return list
}

// status describes m, in the order of from.
func (m *material) status(from *sources) []CertificateStatus {
	var list []CertificateStatus
	for i, f := range from.certificates {
		k := &m.certificates[i]
		s := CertificateStatus{Kind: KindCertificate, File: f.path(), LoadedAt: k.loaded, Err: k.err}
		if k.value != nil {
			leaf := k.value.Leaf
			s.Names, s.NotBefore, s.NotAfter = namesOf(leaf), leaf.NotBefore, leaf.NotAfter
		}
		list = append(list, s)
	}
	if from.ca != "" {
		k := &m.authorities
		s := CertificateStatus{Kind: from.caKind, File: from.ca, LoadedAt: k.loaded, Err: k.err}
		if k.value != nil {
			s.Names = k.value.names()
			s.NotBefore, s.NotAfter = k.value.validity()
		}
		list = append(list, s)
	}
	for i, f := range from.crls {
		k := &m.crls[i]
		s := CertificateStatus{Kind: KindCRL, File: f, LoadedAt: k.loaded, Err: k.err}
		for _, l := range k.value {
			s.Names = append(s.Names, l.list.Issuer.String())
			if s.NotBefore.Before(l.list.ThisUpdate) {
				s.NotBefore = l.list.ThisUpdate
			}
			if next := l.list.NextUpdate; !next.IsZero() && (s.NotAfter.IsZero() || next.Before(s.NotAfter)) {
				s.NotAfter = next
			}
		}
		list = append(list, s)
	}
	if from.ticketKeys != "" {
		list = append(list, CertificateStatus{Kind: KindTicketKeys, File: from.ticketKeys, LoadedAt: m.tickets.loaded, Err: m.tickets.err})
	}
	return list
}
