package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
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

	// Names are the names and addresses of a certificate, or the distinguished names of CAs and of the issuers of
	// CRLs.
	Names []string

	// NotBefore and NotAfter limit the time in which everything in the file is valid; zero for ticket keys. After
	// it, the peer refuses a certificate, and a CRL refuses all clients of its CA.
	NotBefore, NotAfter time.Time

	LoadedAt time.Time // when the content in force was read
	Err      error     // why the file's current content is not in force; nil if it is

	what        string // the content that NotAfter is of, for people
	fingerprint string // of the files when they were read last
}

// Warning describes a problem with the validity, or returns "". It warns of an approaching end except for CRLs, which
// are renewed every few days.
func (s *CertificateStatus) Warning(now time.Time) string {
	if err := s.doubt(now); err != nil {
		return aboutFile(s.Kind, s.File, err).Error()
	}
	return ""
}

// doubt is Warning without the name of the file.
func (s *CertificateStatus) doubt(now time.Time) error {
	switch {
	case !s.NotBefore.IsZero() && now.Before(s.NotBefore):
		return fmt.Errorf("%s is not valid before %s", s.what, s.NotBefore.UTC().Format(time.RFC3339))
	case s.NotAfter.IsZero():
		return nil
	case now.After(s.NotAfter) && s.Kind == KindCRL:
		return fmt.Errorf("%s has expired at %s: clients whose certificates this CA has signed are refused", s.what, s.NotAfter.UTC().Format(time.RFC3339))
	case now.After(s.NotAfter):
		return fmt.Errorf("%s has expired at %s", s.what, s.NotAfter.UTC().Format(time.RFC3339))
	case s.Kind != KindCRL && now.Add(expirySoon).After(s.NotAfter):
		return fmt.Errorf("%s expires within %d days, at %s", s.what, expirySoon/(24*time.Hour), s.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// warnings returns the Warnings of a Terminator or an Originator.
func (m *material) warnings(from *sources, now time.Time) (list []*FileError) {
	warn := func(kind Kind, file string, errs ...error) {
		for _, err := range errs {
			if err != nil {
				list = append(list, &FileError{Kind: kind, File: file, Err: err})
			}
		}
	}
	for _, s := range m.status(from) {
		warn(s.Kind, s.File, s.doubt(now))
	}
	for i, f := range from.certificates {
		c := m.certificates[i].value
		if c == nil {
			continue
		}
		warn(KindCertificate, f.Cert, doubtsAboutIssuers(c, now)...)
		if from.toNodes {
			warn(KindCertificate, f.Cert, doubtsAboutClient(c.Leaf)...)
		} else {
			warn(KindCertificate, f.Cert, doubtsAboutServer(c.Leaf)...)
		}
		warn(KindCertificate, f.keyFile(), doubtAboutMode(f.keyFile(), "the key of "+listed(hostNames(c.Leaf))))
	}
	if from.ticketKeys != "" {
		warn(KindTicketKeys, from.ticketKeys, doubtAboutMode(from.ticketKeys, "the keys of session tickets"))
	}
	return list
}

// doubtAboutMode warns of a file with secrets that everybody may read.
func doubtAboutMode(file, what string) error {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
		return fmt.Errorf("it holds %s, and everybody on this machine may read it (mode %#o)", what, info.Mode().Perm())
	}
	return nil
}

// doubtsAboutIssuers warns of the other certificates of a chain, which clients refuse like the first one.
func doubtsAboutIssuers(c *tls.Certificate, now time.Time) (all []error) {
	for _, der := range c.Certificate[1:] {
		issuer, err := x509.ParseCertificate(der)
		if err != nil || selfIssued(issuer) { // clients have their own root
			continue
		}
		s := CertificateStatus{what: fmt.Sprintf("the intermediate certificate %q", issuer.Subject), NotBefore: issuer.NotBefore, NotAfter: issuer.NotAfter}
		if err := s.doubt(now); err != nil {
			all = append(all, err)
		}
	}
	return all
}

// status describes m, in the order of from.
func (m *material) status(from *sources) []CertificateStatus {
	var list []CertificateStatus
	for i, f := range from.certificates {
		k := &m.certificates[i]
		s := CertificateStatus{Kind: KindCertificate, File: f.Cert, LoadedAt: k.loaded, Err: k.err, fingerprint: k.fingerprint}
		if k.value != nil {
			leaf := k.value.Leaf
			s.Names, s.NotBefore, s.NotAfter = hostNames(leaf), leaf.NotBefore, leaf.NotAfter
			s.what = "the certificate of " + listed(s.Names)
		}
		list = append(list, s)
	}
	if from.ca != "" {
		k := &m.authorities
		s := CertificateStatus{Kind: from.caKind, File: from.ca, LoadedAt: k.loaded, Err: k.err, fingerprint: k.fingerprint}
		if k.value != nil {
			s.Names = k.value.names()
			s.NotBefore, s.NotAfter = k.value.validity()
			s.what = "the CA " + listed(k.value.endingAt(s.NotAfter))
		}
		list = append(list, s)
	}
	for i, f := range from.crls {
		k := &m.crls[i]
		s := CertificateStatus{Kind: KindCRL, File: f, LoadedAt: k.loaded, Err: k.err, fingerprint: k.fingerprint}
		for _, l := range k.value {
			s.Names = append(s.Names, l.list.Issuer.String())
			if s.what == "" {
				s.what = "the CRL of " + l.list.Issuer.String()
			}
			if s.NotBefore.Before(l.list.ThisUpdate) {
				s.NotBefore = l.list.ThisUpdate
			}
			if next := l.list.NextUpdate; !next.IsZero() && (s.NotAfter.IsZero() || next.Before(s.NotAfter)) {
				s.NotAfter = next
				s.what = "the CRL of " + l.list.Issuer.String()
			}
		}
		list = append(list, s)
	}
	if from.ticketKeys != "" {
		list = append(list, CertificateStatus{Kind: KindTicketKeys, File: from.ticketKeys, LoadedAt: m.tickets.loaded, Err: m.tickets.err, fingerprint: m.tickets.fingerprint})
	}
	return list
}
