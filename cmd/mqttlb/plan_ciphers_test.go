package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"mqttlb/config"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/tlsterm"
)

// Package config knows the names of suites and curves, and package tlsterm their numbers.
func TestEverySuiteAndCurveOfGoCanBeNamedBothWays(t *testing.T) {
	pair := proxytest.NewCA("ca").IssueRSA("broker.example").File(t)
	try := func(t *testing.T, settings string) *tls.Config {
		t.Helper()
		text := fmt.Sprintf("listeners: [{name: l, address: \":1\", pool: p, tls: {certificates: [{cert: %q}], %s}}]\n"+
			"pools: [{name: p, tls: {verify: false, %s}, nodes: [{name: n, address: \"h:1\"}]}]", pair, settings, settings)
		cfg, err := config.Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p, err := newPlan(cfg, nil, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return p.tls["l"].Terminator.Config()
	}
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if suite.SupportedVersions[0] == tls.VersionTLS13 {
			continue
		}
		id := suite.ID
		openssl := tlsterm.CipherName(id)
		for _, name := range []string{suite.Name, openssl, strings.ToLower(openssl)} {
			if got := try(t, "ciphers: ["+name+"]").CipherSuites; len(got) != 1 || got[0] != id {
				t.Errorf("%s is %x, not %x", name, got, id)
			}
		}
	}
	want := []tls.CurveID{
		tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
	}
	if got := try(t, "curves: [X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, x25519, prime256v1, P-384, P-521]").CurvePreferences; !slices.Equal(got, want) {
		t.Errorf("the curves are %v", got)
	}
	if c := try(t, "min_version: 1.0, max_version: 1.1"); c.MinVersion != tls.VersionTLS10 || c.MaxVersion != tls.VersionTLS11 || len(c.CipherSuites) != 10 {
		t.Errorf("versions %x to %x, %d suites", c.MinVersion, c.MaxVersion, len(c.CipherSuites))
	}
}
