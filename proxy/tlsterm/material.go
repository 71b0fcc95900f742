package tlsterm

import (
	"crypto/tls"
	"errors"
	"time"
)

// sources are the files of a Terminator or an Originator.
type sources struct {
	certificates []CertificateFile
	toNodes      bool   // they are ours as a client of nodes
	ca           string // "": none
	caKind       Kind
	crls         []string
	ticketKeys   string // "": none
}

// material is the newest good content of every file of some sources.
type material struct {
	certificates []kept[*tls.Certificate]
	authorities  kept[*authorities]
	crls         []kept[[]*crl]
	tickets      kept[ticketRing]
}

// kept is the newest good content of a file, and the error of the last attempt to read it.
type kept[T any] struct {
	value       T
	loaded      time.Time // when value was read; zero: never
	err         error     // nil: value is the current content of the file
	fingerprint string    // of the files, taken before they were read last
}

// load replaces k's value unless read fails.
func (k *kept[T]) load(now time.Time, files []string, read func() (T, error)) {
	k.fingerprint = fingerprintOf(files)
	value, err := read()
	k.err = err
	if err == nil {
		k.value, k.loaded = value, now
	}
}

// read returns m after reading every file of s again.
func (m material) read(s *sources, now time.Time) material {
	next := material{
		certificates: make([]kept[*tls.Certificate], len(s.certificates)),
		authorities:  m.authorities,
		crls:         make([]kept[[]*crl], len(s.crls)),
		tickets:      m.tickets,
	}
	copy(next.certificates, m.certificates)
	copy(next.crls, m.crls)
	for i, f := range s.certificates {
		next.certificates[i].load(now, f.files(), func() (*tls.Certificate, error) { return s.loadCertificate(f) })
	}
	if s.ca != "" {
		next.authorities.load(now, []string{s.ca}, func() (*authorities, error) { return loadAuthorities(s.caKind, s.ca) })
	}
	for i, f := range s.crls {
		next.crls[i].load(now, []string{f}, func() ([]*crl, error) { return loadCRLs(f) })
	}
	if s.ticketKeys != "" {
		next.tickets.load(now, []string{s.ticketKeys}, func() (ticketRing, error) { return loadTicketKeys(s.ticketKeys) })
	}
	return next
}

// loadCertificate reads a certificate, and checks that we can show it.
func (s *sources) loadCertificate(f CertificateFile) (*tls.Certificate, error) {
	c, err := f.load()
	if err == nil && !s.toNodes {
		err = aboutFile(KindCertificate, f.Cert, checkServer(c.Leaf))
	}
	return c, err
}

// err returns the errors of the last attempt to read the files.
func (m *material) err() error {
	var errs []error
	for i := range m.certificates {
		errs = append(errs, m.certificates[i].err)
	}
	errs = append(errs, m.authorities.err)
	for i := range m.crls {
		errs = append(errs, m.crls[i].err)
	}
	return errors.Join(append(errs, m.tickets.err)...)
}
