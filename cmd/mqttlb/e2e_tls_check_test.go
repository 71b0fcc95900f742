package main_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// allOverTLS is a configuration of two listeners and a pool with these tls sections.
func allOverTLS(mqtts, wss, pool string) string {
	return `
listeners:
  - {name: mqtts, address: "${mqtts}", protocol: mqtt, pool: brokers, tls: ` + mqtts + `}
  - {name: wss, address: "${wss}", protocol: ws, pool: brokers, tls: ` + wss + `}
pools:
  - {name: brokers, health: {probe: none}, nodes: [{name: a, address: "127.0.0.1:1"}], tls: ` + pool + `}
`
}

// check reports every TLS file that serve could not use, for every listener and pool.
func TestCheckAndServeNameEveryFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := os.WriteFile(l.file("tickets"), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := configure(t, allOverTLS(
		fmt.Sprintf("{certificates: [{cert: %q, key: %q}, {cert: %q, key: %q}], client_ca: %q, client_crl: %q}",
			l.file("no.pem"), l.file("no.key"), l.file("server.pem"), l.file("ca.key"), l.file("no-ca.pem"), l.file("no-crl.pem")),
		l.tls(fmt.Sprintf("client_ca: %q, ticket_keys: %q", l.file("server.pem"), l.file("tickets"))),
		fmt.Sprintf("{ca: %q, cert: %q, key: %q}", l.file("no-node-ca.pem"), l.file("server.pem"), l.file("no-node.key"))))
	wrong := [][]string{
		{`listener "mqtts"`, l.file("no.pem"), "no such file"},
		{`listener "mqtts"`, l.file("no.key"), "no such file"},
		{`listener "mqtts"`, l.file("ca.key"), "does not belong", l.file("server.pem")},
		{`listener "mqtts"`, l.file("no-ca.pem"), "no such file"},
		{`listener "mqtts"`, l.file("no-crl.pem"), "no such file"},
		{`listener "wss"`, l.file("server.pem"), "not the certificate of a CA"},
		{`listener "wss"`, l.file("tickets") + ":1", "not a key"},
		{`pool "brokers"`, l.file("no-node-ca.pem"), "no such file"},
		{`pool "brokers"`, l.file("no-node.key"), "no such file"},
	}
	for _, command := range []struct {
		name string
		code int
		line string
	}{{"check", 1, b.config + ":"}, {"serve", 78, `"level":"ERROR"`}} {
		output, code := mqttlb(t, command.name, "-c", b.config)
		if code != command.code {
			t.Errorf("%s: exit code %d, want %d", command.name, code, command.code)
		}
		output = strings.ReplaceAll(output, `\"`, `"`) // as JSON has it
		for _, want := range wrong {
			if !hasLine(strings.Split(output, "\n"), append(want, command.line)) {
				t.Errorf("%s: no line has %q:\n%s", command.name, want, output)
			}
		}
		if n := strings.Count(output, command.line); n != len(wrong) {
			t.Errorf("%s: %d errors, want %d:\n%s", command.name, n, len(wrong), output)
		}
	}
}

func TestCheckAndServeWarnOfFilesThatNeedAttention(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	pair := func(name string, end time.Time) string {
		p := l.ca().IssueLike(x509.Certificate{NotAfter: end}, name)
		cert, key := proxytest.WriteFile(l.file(name+".pem"), p.Cert), proxytest.WriteFile(l.file(name+".key"), p.Key)
		if err := os.Chmod(key, 0o644); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("cert: %q, key: %q", cert, key)
	}
	b := configure(t, allOverTLS(
		"{certificates: [{"+pair("past", time.Now().Add(-time.Hour))+"}]}",
		"{certificates: [{"+pair("soon", time.Now().Add(13*24*time.Hour))+"}]}",
		"{"+pair("shown", time.Now().Add(-24*time.Hour))+"}"))
	warnings := [][]string{
		{`listener "mqtts"`, l.file("past.pem"), "has expired"},
		{`listener "mqtts"`, l.file("past.key"), "everybody", "0644"},
		{`listener "wss"`, l.file("soon.pem"), "within 14 days"},
		{`listener "wss"`, l.file("soon.key"), "everybody", "0644"},
		{`pool "brokers"`, l.file("shown.pem"), "has expired"},
		{`pool "brokers"`, l.file("shown.key"), "everybody", "0644"},
	}

	output, code := mqttlb(t, "check", "-c", b.config)
	if code != 0 || !strings.Contains(output, b.addrs["mqtts"]) {
		t.Errorf("exit code %d, want 0 and the summary:\n%s", code, output)
	}
	for _, want := range warnings {
		if !hasLine(strings.Split(output, "\n"), append(want, b.config+":", ": warning: ")) {
			t.Errorf("no warning has %q:\n%s", want, output)
		}
	}
	if n := strings.Count(output, "warning: "); n != len(warnings) {
		t.Errorf("%d warnings, want %d:\n%s", n, len(warnings), output)
	}

	b.start(t, "")
	b.waitReady(t)
	for _, want := range warnings {
		want[0] = strings.ReplaceAll(want[0], `"`, `\"`)
		b.waitFor(t, append(want, `"level":"WARN"`)...)
	}
}
