package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"mqttlb/balancer/health"
	"mqttlb/config"
	"mqttlb/proxy/admin"
	"mqttlb/proxy/snapshot"
)

// checkOf returns the health check of a pool, whose TLS is set. It reads the files that the check names.
func (p *plan) checkOf(pool *snapshot.Pool, c *config.Health, before *plan, log *slog.Logger) (health.Check, error) {
	check := health.Check{
		Interval:      c.Interval,
		Timeout:       c.Timeout,
		Rise:          c.Rise,
		Fall:          c.Fall,
		ProxyProtocol: uint8(pool.SendProxy),
		WebSocket:     pool.WebSocket,
		Method:        c.Method,
		Path:          c.Path,
		Host:          c.Host,
		Status:        c.Status,
		Port:          uint16(c.Port),
		MQTT5:         c.Version == config.MQTT5,
		ClientID:      c.ClientID,
		Username:      c.Username,
	}
	var errs []error
	for _, word := range c.Probe {
		probe, err := health.ParseProbe(string(word))
		errs = append(errs, err)
		check.Probe |= probe
	}
	if pool.TLS != nil {
		check.Secure = pool.TLS.Secure
	}
	if c.TLS != nil {
		t, err := p.originate(pool, c.TLS, before.probeTLS[pool.Name], log.With("pool", pool.Name, "of", "health.tls"))
		if err != nil {
			for _, e := range splitErrors(err) {
				errs = append(errs, fmt.Errorf("health.tls: %w", e))
			}
		} else {
			p.probeTLS[pool.Name] = t
			check.PortSecure = t.Secure
		}
	}
	if file := c.CredentialsFile; file != "" {
		line, err := p.readSecret(pool, "health.credentials_file", file, "an API key")
		key, secret, whole := strings.Cut(strings.TrimSpace(line), ":")
		if err == nil && (!whole || key == "" || secret == "") {
			err = fmt.Errorf("health.credentials_file: %s: the first line is not key:secret", file)
		}
		errs = append(errs, err)
		check.APIKey, check.APISecret = key, secret
	}
	if file := c.PasswordFile; file != "" {
		line, err := p.readSecret(pool, "health.password_file", file, "a password")
		if err == nil && line == "" {
			err = fmt.Errorf("health.password_file: %s: the first line is empty; write the password there", file)
		}
		errs = append(errs, err)
		check.Password = []byte(line)
	}
	return check, errors.Join(errs...)
}

// readSecret reads a secret that the setting of a pool names.
func (p *plan) readSecret(pool *snapshot.Pool, setting, file, what string) (string, error) {
	line, warning, err := admin.ReadSecret(file, what)
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	if warning != "" {
		p.openSecrets = append(p.openSecrets, fmt.Sprintf("pool %q: %s: %s", pool.Name, setting, warning))
	}
	return line, nil
}
