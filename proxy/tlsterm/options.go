package tlsterm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Options configure a listener's TLS. They are plain data.
type Options struct {
	// Certificates are chosen by the name that a client asks for (SNI). An exact name goes before a wildcard. Of
	// several certificates for one name the client gets the first whose kind of key it supports, ECDSA before RSA.
	// The first certificate, with those that share a name with it, is the default. There must be at least one.
	Certificates []CertificateFile

	// StrictSNI refuses a name that no certificate has. A client that asks for no name still gets the default.
	StrictSNI bool

	ClientAuth ClientAuth
	ClientCA   string   // PEM file of the CAs of client certificates; required unless ClientAuth is ClientAuthNone
	CRLs       []string // files of their revocation lists, PEM or DER; the package comment says which clients they refuse

	// AcceptExpired accepts a client's certificate after the end of its validity. CAs must be valid. crypto/tls does
	// not resume a session with such a certificate.
	AcceptExpired bool

	MinVersion string   // "1.0" to "1.3"; "": "1.2"
	MaxVersion string   // "1.0" to "1.3"; "": "1.3"
	Ciphers    []string // of TLS 1.2 and below, by OpenSSL's or the IANA's name; empty: the six with forward secrecy and AEAD, see parseCiphers
	Curves     []string // key exchanges: X25519, P-256, ...; empty: crypto/tls's, X25519MLKEM768 first
	Protocols  []string // ALPN, in order of preference. A client that offers only others is refused (RFC 7301, 3.2); a client that offers none is not

	// TicketKeys is a file of keys for session tickets, shared with replicas, like HAProxy's tls-ticket-keys. ""
	// means keys that no other process knows: a new one every 12 hours, each valid for 24.
	TicketKeys     string
	TicketsDisable bool // no sessions are resumed

	Now    func() time.Time // the clock for validity and tickets; nil is time.Now
	Logger *slog.Logger     // for Run and Reload; nil discards
}

// sources returns the files of o.
func (o *Options) sources() sources {
	return sources{certificates: o.Certificates, ca: o.ClientCA, caKind: KindClientCA, crls: o.CRLs, ticketKeys: o.TicketKeys}
}

// settings are the parsed Options, without the files.
type settings struct {
	min, max uint16
	ciphers  []uint16
	curves   []tls.CurveID
}

func (o *Options) settings() (settings, error) {
	s, chosen := chosen(o.MinVersion, o.MaxVersion, o.Ciphers, o.Curves)
	var other error
	switch {
	case len(o.Certificates) == 0:
		other = errors.New("certificates: a listener with TLS needs at least one")
	case o.ClientAuth != ClientAuthNone && o.ClientCA == "":
		other = errors.New("client_auth: without client_ca there is nobody to believe")
	case o.AcceptExpired && o.ClientCA == "":
		other = errors.New("accept_expired: without client_ca no client shows a certificate")
	case len(o.CRLs) > 0 && o.ClientCA == "":
		other = errors.New("client_crl: without client_ca there is nobody to have signed it")
	}
	return s, errors.Join(chosen, other)
}

// chosen parses the settings that choose what is spoken.
func chosen(least, most string, ciphers, curves []string) (s settings, err error) {
	var errs [5]error
	s.min, errs[0] = parseVersion("min_version", least, tls.VersionTLS12)
	s.max, errs[1] = parseVersion("max_version", most, tls.VersionTLS13)
	s.ciphers, errs[2] = parseCiphers(ciphers, s.min)
	s.curves, errs[3] = parseCurves(curves)
	if errs[0] == nil && errs[1] == nil && s.min > s.max {
		errs[4] = fmt.Errorf("min_version %s is above max_version %s", least, most)
	}
	return s, errors.Join(errs[:]...)
}

// config builds the tls.Config and the revocations that it checks; nil: none. It shares only the ticket keys with other
// generations.
func (o *Options) config(s settings, m *material, now func() time.Time) (*tls.Config, *revocations, error) {
	certs := make([]*tls.Certificate, len(m.certificates))
	for i := range m.certificates {
		certs[i] = m.certificates[i].value
	}
	names := newNames(certs, o.StrictSNI)
	admission := &admission{names: names, now: now}
	config := &tls.Config{
		Time:                   now,
		GetConfigForClient:     noteName,
		GetCertificate:         names.choose,
		VerifyConnection:       admission.verify,
		NextProtos:             slices.Clone(o.Protocols),
		ClientAuth:             o.ClientAuth.forTLS(o.AcceptExpired),
		MinVersion:             s.min,
		MaxVersion:             s.max,
		CipherSuites:           s.ciphers,
		CurvePreferences:       s.curves,
		SessionTicketsDisabled: o.TicketsDisable,
	}
	if o.ClientCA == "" {
		return config, nil, nil
	}
	cas := m.authorities.value.certs
	if len(o.CRLs) > 0 {
		var lists [][]*crl
		for _, f := range m.crls {
			lists = append(lists, f.value)
		}
		var err error
		if admission.crls, err = newRevocations(lists, cas); err != nil {
			return nil, nil, err
		}
		cas = admission.crls.unrevoked(cas)
	}
	config.ClientCAs = poolOf(cas)
	if o.AcceptExpired {
		admission.anchors = config.ClientCAs
		config.GetConfigForClient = func(info *tls.ClientHelloInfo) (*tls.Config, error) { return noteChains(info, config, admission) }
	}
	return config, admission.crls, nil
}
