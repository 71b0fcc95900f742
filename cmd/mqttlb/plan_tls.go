package main

import (
	"cmp"
	"log/slog"

	"mqttlb/config"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// newTLS reads the files of a listener's TLS. What cannot be used at the start is
// an error; later, what was good stays.
func newTLS(c *config.TLS, log *slog.Logger) (*snapshot.TLS, error) {
	o := tlsterm.Options{
		StrictSNI:  c.StrictSNI,
		ClientAuth: clientAuths[c.ClientAuth],
		ClientCA:   c.ClientCA,
		MinVersion: string(c.MinVersion),
		MaxVersion: string(c.MaxVersion),
		Protocols:  c.ALPN,
		TicketKeys: c.TicketKeys,
		Logger:     log,
	}
	for _, cert := range c.Certificates {
		o.Certificates = append(o.Certificates, tlsterm.CertificateFile{Cert: cert.Cert, Key: cert.Key})
	}
	if c.ClientCRL != "" {
		o.CRLs = []string{c.ClientCRL}
	}
	t, err := tlsterm.New(o)
	if err != nil {
		return nil, err
	}
	return &snapshot.TLS{
		Terminator: t,
		Gate:       tlsterm.NewGate(c.MaxHandshakes, c.HandshakeRate, c.MaxHandshakeQueue),
		Timeout:    c.HandshakeTimeout,
		Identity:   identities[c.RequireIdentity],
	}, nil
}

// addNodeTLS reads the files of a pool's TLS and has it spoken to the pool's nodes.
func (p *plan) addNodeTLS(pool *snapshot.Pool, c *config.NodeTLS, log *slog.Logger) error {
	o := tlsterm.NodeOptions{
		Hosts:       make(map[string]string),
		CA:          c.CA,
		Certificate: tlsterm.CertificateFile{Cert: c.Cert, Key: c.Key},
		Insecure:    !c.Verify,
		Logger:      log,
	}
	for _, n := range pool.Nodes() {
		o.Hosts[n.Name] = cmp.Or(c.ServerName, n.Host)
	}
	t, err := tlsterm.NewOriginator(o)
	if err != nil {
		return err
	}
	pool.TLS = snapshot.NewNodeTLS(t, pool.Nodes())
	p.attendants = append(p.attendants, t.Run)
	p.reloads = append(p.reloads, t.Reload)
	p.warn("pool", pool.Name, t.Warnings())
	return nil
}

var clientAuths = map[config.ClientAuth]tlsterm.ClientAuth{
	config.ClientAuthNone:    tlsterm.ClientAuthNone,
	config.ClientAuthRequest: tlsterm.ClientAuthRequest,
	config.ClientAuthRequire: tlsterm.ClientAuthRequire,
}

var identities = map[config.Identity]snapshot.Identity{
	"":                      snapshot.AnyIdentity,
	config.IdentityClientID: snapshot.ClientIDIdentity,
	config.IdentityUsername: snapshot.UsernameIdentity,
}
