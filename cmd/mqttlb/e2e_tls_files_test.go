package main_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// A certificate that no client accepts is found before clients find it, and with the line that names its file.
func TestCertificateOfAClientServesNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t, "device-1")
	section := fmt.Sprintf("{certificates: [{%s}]}", l.shown("device-1"))
	b := configure(t, `
listeners:
  - {name: mqtts, address: "${mqtts}", pool: brokers, tls: `+section+`}
pools:
  - {name: brokers, health: {probe: none}, nodes: [{name: a, address: "127.0.0.1:1"}], tls: {cert: `+l.file("server.pem")+`, key: `+l.file("server.key")+`}}
`)
	change := func(old, replacement string) {
		t.Helper()
		text, err := os.ReadFile(b.config)
		if err != nil {
			t.Fatal(err)
		}
		putFile(t, b.config, strings.ReplaceAll(string(text), old, replacement), 0o600)
	}
	change("admin: {", "admin: {tls: "+section+", ")
	wrong := l.file("client-device-1.pem") + ": the certificate of device-1 is not for a server: its extended key usage is clientAuth, without serverAuth, so that clients refuse it"
	for _, command := range []struct {
		name string
		code int
	}{{"check", 1}, {"serve", 78}} {
		out, code := mqttlb(t, command.name, "-c", b.config)
		out = strings.ReplaceAll(out, `\"`, `"`) // as JSON has it
		for _, setting := range []string{`listeners[0].tls.certificates[0].cert: listener "mqtts": `, "admin.tls.certificates[0].cert: "} {
			if code != command.code || !strings.Contains(out, setting+wrong) || !strings.Contains(out, b.config+":3:") {
				t.Errorf("%s: exit code %d, want %d with %s%s:\n%s", command.name, code, command.code, setting, wrong, out)
			}
		}
	}

	// Towards nodes it is the other way round, and only those that verify it refuse it.
	change(section, fmt.Sprintf("{certificates: [{cert: %q, key: %q}]}", l.file("server.pem"), l.file("server.key")))
	want := `: warning: pools[0].tls.cert: pool "brokers": ` + l.file("server.pem") + ": the certificate of broker.example, 127.0.0.1 is not for a client: its extended key usage is serverAuth, without clientAuth"
	if out, code := mqttlb(t, "check", b.config); code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want 0 with %s:\n%s", code, want, out)
	}
}

// A reload says what a start would say, whether it was asked for or the file was seen to change.
func TestReloadOfCertificatesSaysWhatAStartSays(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	file := l.file("both.pem")
	put := func(template x509.Certificate, mode os.FileMode, names ...string) {
		t.Helper()
		pair := l.ca().IssueLike(template, names...)
		proxytest.WriteFile(l.file("next"), pair.Cert, pair.Key)
		if err := os.Chmod(l.file("next"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(l.file("next"), file); err != nil {
			t.Fatal(err)
		}
	}
	put(x509.Certificate{}, 0o600, "first.example")
	b := serve(t, brokersOver(fmt.Sprintf("{certificates: [{cert: %q}]}", file), startMosquitto(t, "a")))
	const reloaded, setting = `"msg":"TLS file reloaded"`, `listeners[0].tls.certificates[0].cert: listener \"mqtts\": `
	attention := []string{`"level":"WARN"`, `"msg":"a file needs attention"`}

	put(proxytest.Expired(), 0o644, "past.example", "also.example")
	b.signal(t, syscall.SIGHUP)
	b.waitFor(t, reloaded, `"listener":"mqtts"`, `"kind":"certificate"`, file, `"names":"past.example, also.example"`)
	b.waitFor(t, append(attention, b.config+":", setting, file+": the certificate of past.example, also.example has expired at ")...)
	b.waitFor(t, append(attention, b.config+":", setting, file+": it holds the key of past.example, also.example, and everybody on this machine may read it (mode 0644)")...)

	// What cannot be used was not read, and no line says so.
	before := len(b.said(reloaded))
	putFile(t, file, "torn\n", 0o600)
	b.signal(t, syscall.SIGHUP)
	b.waitFor(t, `"level":"ERROR"`, `"msg":"a file cannot be used: the content read before stays in force"`, b.config+":", setting+file+": no certificate in PEM")
	b.waitFor(t, `"msg":"the configuration was reloaded"`, `"files_not_reloaded":1`)
	if lines := b.said(reloaded); len(lines) != before {
		t.Errorf("a file that cannot be used was reloaded: %q", lines)
	}

	// Without a signal.
	put(x509.Certificate{Subject: pkix.Name{CommonName: "old.example"}, NotAfter: time.Now().Add(24 * time.Hour)}, 0o600)
	b.waitFor(t, reloaded, `"listener":"mqtts"`, file, `"names":"old.example"`)
	b.waitFor(t, append(attention, `"listener":"mqtts"`, file+": the certificate of old.example expires within 14 days, at ")...)
	b.waitFor(t, append(attention, `"listener":"mqtts"`, file+": the certificate of old.example has no SAN")...)
	putFile(t, file, "torn again\n", 0o600)
	b.waitFor(t, `"level":"ERROR"`, `"msg":"a file cannot be used: the content read before stays in force"`, `"listener":"mqtts"`, `"error":"`+file+": no certificate in PEM")
}
