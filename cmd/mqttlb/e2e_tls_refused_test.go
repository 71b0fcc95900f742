package main_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// secureWire is dialWire over TLS.
func secureWire(t *testing.T, addr string, config *tls.Config) (*wire, error) {
	t.Helper()
	w := dialWire(t, addr, "")
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = "127.0.0.1"
	}
	conn := tls.Client(w.Conn, config)
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	w.Conn = conn
	w.in.Reset(conn)
	return w, nil
}

// For each failure the log has the reason, and the client gets the alert.
func TestClientCertificatesThatAreRefused(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l, strange := newLab(t, "device-1", "revoked"), newLab(t, "device-1")
	revoked := l.client(t, "revoked")
	proxytest.WriteFile(l.file("crl.pem"), l.ca().CRL(time.Now().Add(time.Hour), revoked.Certificates[0].Leaf))
	b := serve(t, brokersOver(l.asking(fmt.Sprintf("client_crl: %q", l.file("crl.pem"))), broker))

	expired := l.client(t, "")
	expired.Certificates = []tls.Certificate{l.ca().IssueLike(proxytest.Expired(), "expired").TLS}
	stranger := l.client(t, "")
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // sends the certificate although the server does not ask for its CA
		return &strange.client(t, "device-1").Certificates[0], nil
	}
	for _, row := range []struct {
		name   string
		config *tls.Config
		reason string
	}{
		{"none", l.client(t, ""), "no_client_certificate"},
		{"of another CA", stranger, "client_certificate_unknown"},
		{"expired", expired, "client_certificate_expired"},
		{"revoked", revoked, "client_certificate_revoked"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, err := secureWire(t, b.addrs["mqtts"], row.config)
			if err == nil { // in TLS 1.3 the client's handshake ends before the server reads its certificate
				_, err = w.connect(4, row.name)
			}
			var alert *net.OpError
			if !errors.As(err, &alert) || alert.Op != "remote error" {
				t.Errorf("the client saw %v, want an alert", err)
			}
			b.waitFor(t, `"msg":"session"`, `"outcome":"handshake_failed"`, "TLS handshake: "+row.reason+":")
		})
	}
	w, err := secureWire(t, b.addrs["mqtts"], l.client(t, "device-1"))
	if err != nil {
		t.Fatal(err)
	}
	if code, err := w.connect(5, "device-1"); code != 0 || err != nil {
		t.Errorf("a good certificate: code %d, %v", code, err)
	}
	eventually(t, "the broker's log has one client", func() bool { return len(broker.connects()) == 1 })
}

func TestServersCertificateIsRefusedByWhoDoesNotBelieveIt(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t)
	b := serve(t, brokersOver(l.tls("strict_sni: true"), broker))
	if _, err := secureWire(t, b.addrs["mqtts"], newLab(t).client(t, "")); err == nil {
		t.Error("a server of another CA is believed")
	}
	b.waitFor(t, `"outcome":"handshake_failed"`, "TLS handshake: client_refused_certificate:")
	named := l.client(t, "")
	named.ServerName = "elsewhere.example"
	if _, err := secureWire(t, b.addrs["mqtts"], named); err == nil {
		t.Error("a name that no certificate has is served under strict_sni")
	}
	b.waitFor(t, `"outcome":"handshake_failed"`, "TLS handshake: unknown_name:")
}

func TestIdentityIsRequiredOfTheCertificate(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t, "device-1")
	b := serve(t, brokersOver(l.asking("require_identity: client_id"), broker))
	for _, row := range []struct {
		id      string
		version byte
		code    byte
	}{{"device-1", 4, 0}, {"device-1", 5, 0}, {"device-2", 4, 5}, {"device-2", 5, 0x87}} {
		w, err := secureWire(t, b.addrs["mqtts"], l.client(t, "device-1"))
		if err != nil {
			t.Fatal(err)
		}
		if code, err := w.connect(row.version, row.id); err != nil || code != row.code {
			t.Errorf("%s, version %s: code %d, %v; want %d", row.id, versionName(row.version), code, err, row.code)
		}
		w.Close()
	}
	for _, s := range b.sessionsEnded(t, 2, `"device-2"`) {
		if s.Outcome != "identity_mismatch" {
			t.Errorf("the log has %+v", s)
		}
	}
	if n := broker.connects(); n["device-2"] != 0 {
		t.Errorf("the broker has seen %v", n)
	}
}

// openssl s_client supports versions and ciphers that Go's client does not.
func TestOpenSSLGetsNoVersionOrCipherThatIsDeprecated(t *testing.T) {
	t.Parallel()
	openssl := proxytest.Program(t, "/usr/bin/openssl")
	broker := startMosquitto(t, "a")
	l := newLab(t)
	b := serve(t, brokersOver(l.tls(), broker))
	for _, row := range []struct {
		args   string
		agreed string // "": nothing
	}{
		{"-tls1 -cipher ALL@SECLEVEL=0", ""},
		{"-tls1_1 -cipher ALL@SECLEVEL=0", ""},
		{"-tls1_2", "Protocol  : TLSv1.2"},
		{"-tls1_3", "New, TLSv1.3"},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305"},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA", ""},
		{"-tls1_2 -cipher AES128-GCM-SHA256", ""},
		{"-tls1_2 -cipher aNULL:eNULL:@SECLEVEL=0", ""},
	} {
		t.Run(row.args, func(t *testing.T) {
			args := append([]string{"s_client", "-connect", b.addrs["mqtts"], "-CAfile", l.file("ca.pem"), "-verify_return_error"}, strings.Fields(row.args)...)
			out, err := exec.Command(openssl, args...).CombinedOutput() // the input is empty, so openssl ends after the handshake
			if refused := err != nil; refused != (row.agreed == "") || !strings.Contains(string(out), row.agreed) {
				t.Errorf("%v, want %q\n%s", err, row.agreed, out)
			}
		})
	}
	b.waitForN(t, 2, `"outcome":"handshake_failed"`, "TLS handshake: no_shared_version:")
	b.waitForN(t, 3, `"outcome":"handshake_failed"`, "TLS handshake: no_shared_cipher:")
}
