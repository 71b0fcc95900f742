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
	warned []string // about the token

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
			errs = append(errs, fmt.Errorf("admin.token_file: %w", err))
		}
		p.admin.access.Token = token
		if warning != "" {
			p.admin.warned = append(p.admin.warned, "admin.token_file: "+warning)
		}
		if c.Address.Reachable() && c.TLS == nil {
			p.admin.warned = append(p.admin.warned, fmt.Sprintf("admin.address: the token crosses the network to %s in the clear; write admin.tls", c.Address))
		}
	}
	if c.TLS == nil {
		return errors.Join(errs...)
	}
	old := before.admin
	if old != nil && old.tls != nil && sameFiles(old.config, c.TLS) {
		p.admin.tls = old.tls
		p.readAgain = append(p.readAgain, old.tls.Reload)
	} else {
		var err error
		if p.admin.tls, err = newTerminator(c.TLS, log); err != nil {
			for _, e := range splitErrors(err) {
				errs = append(errs, fmt.Errorf("admin.tls: %w", e))
			}
			return errors.Join(errs...)
		}
		if old != nil && old.tls != nil {
			p.admin.tls.Inherit(old.tls)
		}
	}
	p.admin.access.TLS = p.admin.tls.Config
	p.workers = append(p.workers, p.admin.tls)
	return errors.Join(errs...)
}

// warnings describes files that can be used but need attention.
func (a *adminPlan) warnings() (all []string) {
	all = append(all, a.warned...)
	if a.tls != nil {
		for _, warning := range a.tls.Warnings() {
			all = append(all, "admin.tls: "+warning)
		}
	}
	return all
}
