package main

import (
	"errors"
	"fmt"
	"log/slog"

	"mqttlb/config"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/tlsterm"
)

// adminPlan is the access to the admin server.
type adminPlan struct {
	access admin.Access
	warned []config.Error // about the token

	tls    *tlsterm.Terminator // nil: no TLS
	config *config.TLS         // that tls was made from
}

// addAdmin reads the token and the TLS files of the admin server. As with listeners, a TLS file that cannot be
// used is an error only if its settings are new.
func (p *plan) addAdmin(c *config.Admin, before *plan, log *slog.Logger) error {
	p.admin = &adminPlan{access: admin.Access{Public: c.Public == config.PublicMetrics, Hosts: c.Hosts}, config: c.TLS}
	var errs []error
	if c.TokenFile != "" {
		token, warning, err := admin.ReadToken(c.TokenFile)
		if err != nil {
			errs = append(errs, p.config.Fault("admin.token_file", err.Error()))
		}
		p.admin.access.Token = token
		if warning != "" {
			p.admin.warned = append(p.admin.warned, p.config.Fault("admin.token_file", warning))
		}
		if c.Address.Reachable() && c.TLS == nil {
			p.admin.warned = append(p.admin.warned, p.config.Fault("admin.address", fmt.Sprintf("the token crosses the network to %s in the clear; write admin.tls", c.Address)))
		}
	}
	if c.TLS == nil {
		return errors.Join(errs...)
	}
	old, section := before.admin, ofAdmin(c)
	if old != nil && old.tls != nil && sameFiles(old.config, c.TLS) {
		p.admin.tls = old.tls
		p.readAgain = append(p.readAgain, func() error { return p.place(section, old.tls.Reload()) })
	} else {
		var err error
		if p.admin.tls, err = newTerminator(c.TLS, log.With("of", "admin.tls")); err != nil {
			return errors.Join(append(errs, p.place(section, err))...)
		}
		if old != nil && old.tls != nil {
			p.admin.tls.Inherit(old.tls)
		}
	}
	p.admin.access.TLS = p.admin.tls.Config
	p.workers = append(p.workers, p.admin.tls)
	return errors.Join(errs...)
}
