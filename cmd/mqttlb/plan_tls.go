package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"

	"mqttlb/config"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// listenerTLS is a listener's TLS and the configuration that it was made from.
type listenerTLS struct {
	*snapshot.TLS
	config *config.TLS
}

// addTLS adds the TLS of a listener. If its settings are new, a file that cannot be used is an error. Otherwise the
// content read before stays in force.
func (p *plan) addTLS(l *config.Listener, before *plan, log *slog.Logger) (*snapshot.TLS, error) {
	c, old := l.TLS, before.tls[l.Name]
	t := &listenerTLS{config: c, TLS: &snapshot.TLS{Timeout: c.HandshakeTimeout, Identity: identities[c.RequireIdentity], KeepRevoked: c.Revoked == config.KeepRevoked}}
	if old != nil && sameFiles(old.config, c) {
		t.Terminator = old.Terminator
		p.readAgain = append(p.readAgain, func() error { return nameErrors("listener", l.Name, t.Terminator.Reload()) })
	} else {
		var err error
		if t.Terminator, err = newTerminator(c, log.With("listener", l.Name)); err != nil {
			return nil, err
		}
	}
	if old != nil {
		t.Gate = old.Gate
		if t.Terminator != old.Terminator {
			t.Terminator.Inherit(old.Terminator)
		}
	} else {
		t.Gate = tlsterm.NewGate(c.MaxHandshakes, c.HandshakeRate, c.MaxHandshakeQueue)
	}
	p.afterApply = append(p.afterApply, func() error {
		t.Gate.SetLimits(c.MaxHandshakes, c.HandshakeRate, c.MaxHandshakeQueue)
		return nil
	})
	p.tls[l.Name] = t
	p.workers = append(p.workers, t.Terminator)
	return t.TLS, nil
}

// sameFiles reports whether a and b lead to the same terminator: the settings that it does not use may differ.
func sameFiles(a, b *config.TLS) bool {
	x, y := *a, *b
	for _, c := range []*config.TLS{&x, &y} {
		c.HandshakeTimeout, c.MaxHandshakes, c.MaxHandshakeQueue, c.HandshakeRate, c.RequireIdentity, c.Revoked = 0, 0, 0, 0, "", ""
	}
	return fmt.Sprintf("%#v", x) == fmt.Sprintf("%#v", y) // plain data: its text tells it apart
}

// newTerminator reads the TLS files of a listener.
func newTerminator(c *config.TLS, log *slog.Logger) (*tlsterm.Terminator, error) {
	o := tlsterm.Options{
		StrictSNI:  c.StrictSNI,
		ClientAuth: clientAuths[c.ClientAuth],
		ClientCA:   c.ClientCA,

		AcceptExpired: c.AcceptExpired,

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
	return tlsterm.New(o)
}

// poolTLS is the TLS to the nodes of a pool, and the settings that it was made from.
type poolTLS struct {
	*snapshot.NodeTLS
	config config.NodeTLS
	hosts  map[string]string // the server name of each node, by the node's name
}

// addNodeTLS reads the TLS files of a pool and sets the pool's TLS.
func (p *plan) addNodeTLS(pool *snapshot.Pool, c *config.NodeTLS, before *plan, log *slog.Logger) error {
	t, err := p.originate(pool, c, before.nodeTLS[pool.Name], log.With("pool", pool.Name))
	if err != nil {
		return err
	}
	pool.TLS = t.NodeTLS
	p.nodeTLS[pool.Name] = t
	return nil
}

// originate reads the TLS files of a pool or of its health checks. old is what was in force before; nil: there was
// none.
func (p *plan) originate(pool *snapshot.Pool, c *config.NodeTLS, old *poolTLS, log *slog.Logger) (*poolTLS, error) {
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
	t := &poolTLS{config: *c, hosts: o.Hosts}
	if old != nil && old.config == t.config && maps.Equal(old.hosts, t.hosts) {
		t.NodeTLS = old.NodeTLS
		p.readAgain = append(p.readAgain, func() error { return nameErrors("pool", pool.Name, t.Originator.Reload()) })
	} else {
		originator, err := tlsterm.NewOriginator(o)
		if err != nil {
			return nil, err
		}
		t.NodeTLS = snapshot.NewNodeTLS(originator, pool.Nodes())
		if old != nil {
			t.Inherit(old.NodeTLS)
		}
	}
	p.workers = append(p.workers, t.Originator)
	return t, nil
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
