package main_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// hearsOfRevocation waits for the DISCONNECT with 0x87.
func (w *wire) hearsOfRevocation(t *testing.T) {
	t.Helper()
	var b [4]byte
	if _, err := io.ReadFull(w.in, b[:]); err != nil || b != [4]byte{0xe0, 2, 0x87, 0} {
		t.Errorf("got % x, error %v, want a DISCONNECT with 0x87", b, err)
	}
	w.waitClosed(t)
}

// A CRL is found by the file watch, and read at a reload. One with revoked: keep is for new sessions alone.
func TestNewCRLEndsTheSessionsOfItsCertificates(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t, "one", "two", "three")
	soon := time.Now().Add(time.Hour)
	crl := proxytest.WriteFile(l.file("crl.pem"), l.ca().CRL(soon))
	r := newReloadee(t, "")
	write := func(settings string) {
		t.Helper()
		r.write(t, "127.0.0.1", brokersOver(l.asking(fmt.Sprintf("client_crl: %q, accept_expired: true", crl), settings), broker)+
			fmt.Sprintf("\nadmin: {address: \"${admin}\", socket: %q}\n", r.socket()))
	}
	write("revoked: close")
	r.run(t)
	open := func(config *tls.Config, id string) *wire {
		t.Helper()
		w, err := secureWire(t, r.addrs["mqtts"], config)
		if err == nil {
			err = w.open(5, id)
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	one, two, three := l.client(t, "one"), l.client(t, "two"), l.client(t, "three")
	old := l.client(t, "")
	old.Certificates = []tls.Certificate{l.ca().IssueLike(proxytest.Expired(), "old").TLS}
	first, second, third, expired := open(one, "one"), open(two, "two"), open(three, "three"), open(old, "old")

	proxytest.WriteFile(crl, l.ca().CRL(soon, one.Certificates[0].Leaf))
	first.hearsOfRevocation(t)
	r.waitFor(t, `"msg":"session"`, `"client_id":"one"`, `"outcome":"certificate_revoked"`, "is revoked: see tls.client_crl")
	r.waitFor(t, `"msg":"a CRL revokes the certificates of open sessions, which leave"`, `"listener":"mqtts"`, `"sessions":1`)

	write("revoked: keep")
	r.mustReload(t)
	proxytest.WriteFile(crl, l.ca().CRL(soon, two.Certificates[0].Leaf))
	if out := r.mustReload(t); strings.Contains(out, "revokes") {
		t.Errorf("with revoked: keep the reload says %s", out)
	}
	if err := second.ping(); err != nil {
		t.Error(err)
	}
	write("revoked: close")
	const says = `listener "mqtts": tls.client_crl revokes the certificates of open sessions, which leave, 100 a second: 1`
	if out := r.mustReload(t); !strings.Contains(out, says) {
		t.Errorf("the reload does not say %q: %s", says, out)
	}
	second.hearsOfRevocation(t)

	for _, w := range []*wire{third, expired} {
		if err := w.ping(); err != nil {
			t.Error(err)
		}
		w.Close()
	}
	r.waitFor(t, `"msg":"session"`, `"client_id":"old"`, `"certificate":"expired"`)
	m := r.metrics(t)
	if ended, past := m.sum(t, "mqttlb_outcomes_total", `outcome="certificate_revoked"`), m.sum(t, "mqttlb_tls_expired_certificates_total"); ended != 2 || past != 1 {
		t.Errorf("%v sessions ended, %v expired certificates", ended, past)
	}
	if w, err := secureWire(t, r.addrs["mqtts"], two); err == nil { // in TLS 1.3 the client's handshake ends first
		w.waitClosed(t)
	}
	r.waitFor(t, `"outcome":"handshake_failed"`, "TLS handshake: client_certificate_revoked:")
	if n := r.metrics(t).sum(t, "mqttlb_tls_handshake_failures_total", `reason="client_certificate_revoked"`); n != 1 {
		t.Errorf("%v failed handshakes with this reason", n)
	}
}

func TestCheckWarnsOfACRLWhoseIssuerIsNotKnown(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	soon := time.Now().Add(time.Hour)
	middle := l.ca().Intermediate("middle")
	crl := proxytest.WriteFile(l.file("crl.pem"), proxytest.PEM("X509 CRL", l.ca().CRL(soon)), proxytest.PEM("X509 CRL", middle.CRL(soon)))
	b := configure(t, brokersOver(l.asking(fmt.Sprintf("client_crl: %q", crl)))+nowhere)
	out, code := mqttlb(t, "check", "-c", b.config)
	if code != 0 || strings.Count(out, "of a CRL is not in client_ca") != 1 || !strings.Contains(out, `listener "mqtts": `+crl+`: the issuer "CN=middle" of a CRL is not in client_ca`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}
