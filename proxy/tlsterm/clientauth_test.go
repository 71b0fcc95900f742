package tlsterm

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

func TestClientCertificates(t *testing.T) {
	web, fleet, stranger := proxytest.NewCA("web"), proxytest.NewCA("fleet"), proxytest.NewCA("stranger")
	middle := fleet.Intermediate("middle")
	good := fleet.Issue("device-1")
	expired := fleet.IssueLike(proxytest.Expired(), "device-2")
	early := fleet.IssueLike(x509.Certificate{NotBefore: time.Now().Add(time.Minute)}, "device-3")
	wrongCA := stranger.Issue("device-4")
	revoked := fleet.Issue("device-5")
	forServers := fleet.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "device-6")
	control := fleet.Issue("device\x007")
	long := fleet.Issue(strings.Repeat("d", maxCommonName+1))
	longest := fleet.Issue(strings.Repeat("d", maxCommonName))
	byMiddle := middle.Issue("device-8")
	byMiddle.Cert = append(byMiddle.Cert, middle.Cert...)

	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	ca := proxytest.TempFile(t, "fleet.pem", fleet.Cert)
	cas := proxytest.TempFile(t, "both.pem", fleet.Cert, middle.Cert)
	fresh := proxytest.TempFile(t, "fresh.crl", fleet.CRL(soon, revoked.TLS.Leaf))
	freshPEM := proxytest.TempFile(t, "fresh.pem", []byte("a comment\n"), proxytest.PEM("X509 CRL", fleet.CRL(soon, revoked.TLS.Leaf)))
	stale := proxytest.TempFile(t, "stale.crl", fleet.CRL(past, revoked.TLS.Leaf))
	middles := proxytest.TempFile(t, "middle.crl", middle.CRL(soon))

	for _, row := range []struct {
		name   string
		auth   ClientAuth
		ca     string
		crls   []string
		device []proxytest.Pair
		want   Reason // "" means success
	}{
		{"none asks for none", ClientAuthNone, "", nil, []proxytest.Pair{wrongCA}, ""},
		{"request, none", ClientAuthRequest, ca, nil, nil, ""},
		{"request, good", ClientAuthRequest, ca, nil, []proxytest.Pair{good}, ""},
		{"request, wrong CA", ClientAuthRequest, ca, nil, []proxytest.Pair{wrongCA}, ClientCertificateUnknown},
		{"require, none", ClientAuthRequire, ca, nil, nil, NoClientCertificate},
		{"require, good", ClientAuthRequire, ca, nil, []proxytest.Pair{good}, ""},
		{"require, wrong CA", ClientAuthRequire, ca, nil, []proxytest.Pair{wrongCA}, ClientCertificateUnknown},
		{"require, expired", ClientAuthRequire, ca, nil, []proxytest.Pair{expired}, ClientCertificateExpired},
		{"require, not yet valid", ClientAuthRequire, ca, nil, []proxytest.Pair{early}, ClientCertificateEarly},
		{"require, a server's", ClientAuthRequire, ca, nil, []proxytest.Pair{forServers}, ClientCertificateUsage},
		{"require, control character", ClientAuthRequire, ca, nil, []proxytest.Pair{control}, BadClientCertificate},
		{"require, long name", ClientAuthRequire, ca, nil, []proxytest.Pair{long}, BadClientCertificate},
		{"require, longest name", ClientAuthRequire, ca, nil, []proxytest.Pair{longest}, ""},
		{"CRL, good", ClientAuthRequire, ca, []string{fresh}, []proxytest.Pair{good}, ""},
		{"CRL, none", ClientAuthRequest, ca, []string{fresh}, nil, ""},
		{"CRL, revoked", ClientAuthRequire, ca, []string{fresh}, []proxytest.Pair{revoked}, ClientCertificateRevoked},
		{"CRL in PEM, revoked", ClientAuthRequest, ca, []string{freshPEM}, []proxytest.Pair{revoked}, ClientCertificateRevoked},
		{"CRL in PEM, good", ClientAuthRequest, ca, []string{freshPEM}, []proxytest.Pair{good}, ""},
		{"no CRL, revoked", ClientAuthRequire, ca, nil, []proxytest.Pair{revoked}, ""},
		{"stale CRL, good", ClientAuthRequire, ca, []string{stale}, []proxytest.Pair{good}, ClientCertificateOldCRL},
		{"stale CRL, revoked", ClientAuthRequire, ca, []string{stale}, []proxytest.Pair{revoked}, ClientCertificateRevoked},
		{"intermediate without CRL", ClientAuthRequire, cas, []string{fresh}, []proxytest.Pair{byMiddle}, ClientCertificateNoCRL},
		{"intermediate with CRL", ClientAuthRequire, cas, []string{fresh, middles}, []proxytest.Pair{byMiddle}, ""},
	} {
		s := server(t, web, func(o *Options) { o.ClientAuth, o.ClientCA, o.CRLs = row.auth, row.ca, row.crls })
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := client(web, row.device...)
			config.MinVersion, config.MaxVersion = version, version
			if len(row.device) > 0 { // whatever CAs the server names
				device := row.device[0].TLS
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &device, nil }
			}
			m := handshake(t, s.Config(), config)
			if row.want != "" {
				t.Run(row.name, func(t *testing.T) { reasonIs(t, m, row.want) })
				continue
			}
			if m.err != nil {
				t.Errorf("%s: %v", row.name, m.err)
				continue
			}
			if info := m.session.Info(); info.Verified != (row.auth != ClientAuthNone && len(row.device) > 0) {
				t.Errorf("%s: verified is %v", row.name, info.Verified)
			}
		}
	}
}

func TestRevokedIntermediateIsNoAnchor(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	middle := fleet.Intermediate("middle")
	device := middle.Issue("device")
	soon := time.Now().Add(time.Hour)
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA = ClientAuthRequire, proxytest.TempFile(t, "cas.pem", middle.Cert, fleet.Cert)
		o.CRLs = []string{
			proxytest.TempFile(t, "fleet.crl", fleet.CRL(soon, middle.TLS.Leaf)), proxytest.TempFile(t, "middle.crl", middle.CRL(soon)),
		}
	})
	config, shown := client(web), device.TLS
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	reasonIs(t, handshake(t, s.Config(), config), ClientCertificateUnknown)
	shown.Certificate = append(shown.Certificate, middle.TLS.Leaf.Raw)
	reasonIs(t, handshake(t, s.Config(), config), ClientCertificateRevoked)
}

func TestTicketDoesNotOutliveARevocation(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	device := fleet.Issue("device")
	crl := proxytest.TempFile(t, "fleet.crl", fleet.CRL(time.Now().Add(time.Hour)))
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, proxytest.TempFile(t, "ca.pem", fleet.Cert), []string{crl}
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		proxytest.WriteFile(crl, fleet.CRL(time.Now().Add(time.Hour)))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		config := client(web, device)
		config.MaxVersion = version
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		read(t, mustHandshake(t, s.Config(), config))
		m := mustHandshake(t, s.Config(), config)
		info := m.session.Info()
		if !info.Resumed || !info.Verified || info.CommonName != "device" {
			t.Fatalf("the second session: %+v", info)
		}
		read(t, m) // the client takes its new ticket
		proxytest.WriteFile(crl, fleet.CRL(time.Now().Add(time.Hour), device.TLS.Leaf))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		reasonIs(t, handshake(t, s.Config(), config), ClientCertificateRevoked)
	}
}

func TestCRLThatCannotBeBelievedIsRefused(t *testing.T) {
	web, fleet, stranger := proxytest.NewCA("web"), proxytest.NewCA("fleet"), proxytest.NewCA("fleet")
	number, err := asn1.Marshal(big.NewInt(1))
	if err != nil {
		t.Fatal(err)
	}
	delta, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(2), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: number}},
	}, fleet.TLS.Leaf, fleet.TLS.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	good := []CertificateFile{{Cert: web.Issue("broker.example").File(t)}}
	for want, list := range map[string][]byte{
		"is not signed by the CA of this name": stranger.CRL(time.Now().Add(time.Hour)), // same name, another key
		"critical extension 2.5.29.27":         delta,
		"CRL 1: ":                              {0x30, 3, 1, 2, 3},
		"no CRL":                               []byte("nothing"),
	} {
		_, err := New(Options{
			Certificates: good, ClientAuth: ClientAuthRequire, ClientCA: proxytest.TempFile(t, "ca.pem", fleet.Cert), CRLs: []string{proxytest.TempFile(t, "bad.crl", list)},
		})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bad.crl") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
