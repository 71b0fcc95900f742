package main

import (
	"cmp"
	"errors"
	"fmt"

	"mqttlb/config"
	"mqttlb/proxy/tlsterm"
)

// namedFile is a file, and the setting that names it.
type namedFile struct {
	kind          tlsterm.Kind
	file, setting string
}

// tlsFiles returns the files of the TLS section at a path.
func tlsFiles(at string, c *config.TLS) (all []namedFile) {
	for i, cert := range c.Certificates {
		in := fmt.Sprintf("%s.certificates[%d].", at, i)
		all = append(all, namedFile{tlsterm.KindCertificate, cert.Cert, in + "cert"}, namedFile{tlsterm.KindCertificate, cert.Key, in + "key"})
	}
	return append(all, namedFile{tlsterm.KindClientCA, c.ClientCA, at + ".client_ca"}, namedFile{tlsterm.KindCRL, c.ClientCRL, at + ".client_crl"},
		namedFile{tlsterm.KindTicketKeys, c.TicketKeys, at + ".ticket_keys"})
}

// nodeTLSFiles returns the files of the TLS section of a pool, or of its health checks, at a path.
func nodeTLSFiles(at string, c *config.NodeTLS) []namedFile {
	return []namedFile{
		{tlsterm.KindCA, c.CA, at + ".ca"}, {tlsterm.KindCertificate, c.Cert, at + ".cert"}, {tlsterm.KindCertificate, c.Key, at + ".key"},
	}
}

// tlsSection is a TLS section of the configuration: its path, whose it is, and its files.
type tlsSection struct {
	at, owner string
	files     []namedFile
}

// place gives each error in err the position of the setting that names its file, and the name of the owner.
func (p *plan) place(s tlsSection, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for _, e := range splitErrors(err) {
		errs = append(errs, p.placed(s, e))
	}
	return errors.Join(errs...)
}

// placed is place for one error.
func (p *plan) placed(s tlsSection, err error) config.Error {
	setting := ""
	if about, ok := errors.AsType[*tlsterm.FileError](err); ok {
		for _, f := range s.files {
			if f.kind == about.Kind && f.file == about.File {
				setting = f.setting
				break
			}
		}
	}
	return p.config.Fault(cmp.Or(setting, s.at), s.owner+err.Error())
}

// placeWarnings is place for the warnings about files that can be used.
func (p *plan) placeWarnings(s tlsSection, warnings []*tlsterm.FileError) (all []config.Error) {
	for _, w := range warnings {
		all = append(all, p.placed(s, w))
	}
	return all
}

// ofListener returns the TLS section of a listener, by its index.
func ofListener(i int, l *config.Listener) tlsSection {
	at := fmt.Sprintf("listeners[%d].tls", i)
	return tlsSection{at, fmt.Sprintf("listener %q: ", l.Name), tlsFiles(at, l.TLS)}
}

// ofPool returns the TLS section of a pool, by its index.
func ofPool(i int, pool *config.Pool) tlsSection {
	at := fmt.Sprintf("pools[%d].tls", i)
	return tlsSection{at, fmt.Sprintf("pool %q: ", pool.Name), nodeTLSFiles(at, pool.TLS)}
}

// ofProbes returns the TLS section of a pool's health checks.
func ofProbes(i int, pool *config.Pool) tlsSection {
	at := fmt.Sprintf("pools[%d].health.tls", i)
	return tlsSection{at, fmt.Sprintf("pool %q: ", pool.Name), nodeTLSFiles(at, pool.Health.TLS)}
}

// ofAdmin returns the TLS section of the admin server.
func ofAdmin(c *config.Admin) tlsSection {
	return tlsSection{"admin.tls", "", tlsFiles("admin.tls", c.TLS)}
}
