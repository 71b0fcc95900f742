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

// checkOf returns the health check of a pool, by its index, whose TLS is set. It reads the files that the check names.
func (p *plan) checkOf(i int, pool *snapshot.Pool, before *plan, log *slog.Logger) (health.Check, error) {
	c := &p.config.Pools[i].Health
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
	check.Dial = probeDial(pool)
	if pool.TLS != nil {
		check.Secure = pool.TLS.Secure
	}
	if c.TLS != nil {
		t, err := p.originate(pool, c.TLS, ofProbes(i, &p.config.Pools[i]), before.probeTLS[pool.Name], log.With("pool", pool.Name, "of", "health.tls"))
		if err != nil {
			errs = append(errs, err)
		} else {
			p.probeTLS[pool.Name] = t
			check.PortSecure = t.Secure
		}
	}
	about := func(setting string) secretSetting {
		return secretSetting{p, fmt.Sprintf("pools[%d].health.%s", i, setting), fmt.Sprintf("pool %q: ", pool.Name)}
	}
	if file := c.CredentialsFile; file != "" {
		setting := about("credentials_file")
		line, err := setting.read(file, "an API key")
		key, secret, whole := strings.Cut(strings.TrimSpace(line), ":")
		if err == nil && (!whole || key == "" || secret == "") {
			err = setting.fault(file + ": the first line is not key:secret")
		}
		errs = append(errs, err)
		check.APIKey, check.APISecret = key, secret
	}
	if file := c.PasswordFile; file != "" {
		setting := about("password_file")
		line, err := setting.read(file, "a password")
		if err == nil && line == "" {
			err = setting.fault(file + ": the first line is empty; write the password there")
		}
		errs = append(errs, err)
		check.Password = []byte(line)
	}
	return check, errors.Join(errs...)
}

// secretSetting is a setting that names a file with a secret.
type secretSetting struct {
	*plan
	path, owner string
}

// fault returns an error or a warning of the setting.
func (s secretSetting) fault(message string) error { return s.config.Fault(s.path, s.owner+message) }

// read reads the secret.
func (s secretSetting) read(file, what string) (string, error) {
	line, warning, err := admin.ReadSecret(file, what)
	if err != nil {
		return "", s.fault(err.Error())
	}
	if warning != "" {
		s.openSecrets = append(s.openSecrets, s.config.Fault(s.path, s.owner+warning))
	}
	return line, nil
}
