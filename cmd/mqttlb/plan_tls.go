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

// addTLS adds the TLS of a listener, by its index. If its settings are new, a file that cannot be used is an error. Otherwise the
// content read before stays in force.
func (p *plan) addTLS(i int, before *plan, log *slog.Logger) (*snapshot.TLS, error) {
	l := &p.config.Listeners[i]
	c, old, section := l.TLS, before.tls[l.Name], ofListener(i, l)
	t := &listenerTLS{config: c, TLS: &snapshot.TLS{Timeout: c.HandshakeTimeout, Identity: identities[c.RequireIdentity], KeepRevoked: c.Revoked == config.KeepRevoked}}
	if old != nil && sameFiles(old.config, c) {
		t.Terminator = old.Terminator
		p.readAgain = append(p.readAgain, func() error { return p.place(section, t.Terminator.Reload()) })
	} else {
		var err error
		if t.Terminator, err = newTerminator(c, log.With("listener", l.Name)); err != nil {
			return nil, p.place(section, err)
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
	return sameSettings(x, y)
}

// sameSettings reports whether a and b are the same plain data: its text tells it apart.
func sameSettings[T any](a, b T) bool { return fmt.Sprintf("%#v", a) == fmt.Sprintf("%#v", b) }

// textsOf returns a list of words as texts.
func textsOf[T ~string](words []T) (texts []string) {
	for _, word := range words {
		texts = append(texts, string(word))
	}
	return texts
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
		Ciphers:    textsOf(c.Ciphers),
		Curves:     textsOf(c.Curves),
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
func (p *plan) addNodeTLS(pool *snapshot.Pool, c *config.NodeTLS, section tlsSection, before *plan, log *slog.Logger) error {
	t, err := p.originate(pool, c, section, before.nodeTLS[pool.Name], log.With("pool", pool.Name))
	if err != nil {
		return err
	}
	pool.TLS = t.NodeTLS
	p.nodeTLS[pool.Name] = t
	return nil
}

// originate reads the TLS files of a pool or of its health checks. old is what was in force before; nil: there was
// none.
func (p *plan) originate(pool *snapshot.Pool, c *config.NodeTLS, section tlsSection, old *poolTLS, log *slog.Logger) (*poolTLS, error) {
	o := tlsterm.NodeOptions{
		Hosts:       make(map[string]string),
		CA:          c.CA,
		Certificate: tlsterm.CertificateFile{Cert: c.Cert, Key: c.Key},
		MinVersion:  string(c.MinVersion),
		MaxVersion:  string(c.MaxVersion),
		Ciphers:     textsOf(c.Ciphers),
		Curves:      textsOf(c.Curves),
		Verify:      verifications[c.Verify],
		Logger:      log,
	}
	for _, n := range pool.Nodes() {
		o.Hosts[n.Name] = cmp.Or(c.ServerName, n.Host)
	}
	t := &poolTLS{config: *c, hosts: o.Hosts}
	if old != nil && sameSettings(old.config, t.config) && maps.Equal(old.hosts, t.hosts) {
		t.NodeTLS = old.NodeTLS
		p.readAgain = append(p.readAgain, func() error { return p.place(section, t.Originator.Reload()) })
	} else {
		originator, err := tlsterm.NewOriginator(o)
		if err != nil {
			return nil, p.place(section, err)
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

var verifications = map[config.Verify]tlsterm.Verification{
	config.VerifyTrue:  tlsterm.VerifyName,
	config.VerifyCA:    tlsterm.VerifyChain,
	config.VerifyFalse: tlsterm.VerifyNothing,
}

var identities = map[config.Identity]snapshot.Identity{
	"":                      snapshot.AnyIdentity,
	config.IdentityClientID: snapshot.ClientIDIdentity,
	config.IdentityUsername: snapshot.UsernameIdentity,
}
