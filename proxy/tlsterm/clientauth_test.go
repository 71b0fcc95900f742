package tlsterm

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestClientCertificates(t *testing.T) {
	web, fleet, stranger := newCA(t, "web"), newCA(t, "fleet"), newCA(t, "stranger")
	middle := newCABy(t, "middle", fleet)
	good := fleet.issue(t, ecdsaKey(t), nil, "device-1")
	expired := fleet.issue(t, ecdsaKey(t), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "device-2")
	early := fleet.issue(t, ecdsaKey(t), func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "device-3")
	wrongCA := stranger.issue(t, ecdsaKey(t), nil, "device-4")
	revoked := fleet.issue(t, ecdsaKey(t), nil, "device-5")
	forServers := fleet.issue(t, ecdsaKey(t), func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, "device-6")
	control := fleet.issue(t, ecdsaKey(t), nil, "device\x007")
	long := fleet.issue(t, ecdsaKey(t), nil, strings.Repeat("d", maxCommonName+1))
	longest := fleet.issue(t, ecdsaKey(t), nil, strings.Repeat("d", maxCommonName))
	byMiddle := middle.issue(t, ecdsaKey(t), nil, "device-8")
	byMiddle.cert = append(byMiddle.cert, middle.pem...)

	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	ca := write(t, "fleet.pem", fleet.pem)
	cas := write(t, "both.pem", fleet.pem, middle.pem)
	fresh := write(t, "fresh.crl", fleet.crl(t, soon, revoked))
	freshPEM := write(t, "fresh.pem", []byte("a comment\n"), pemOf("X509 CRL", fleet.crl(t, soon, revoked)))
	stale := write(t, "stale.crl", fleet.crl(t, past, revoked))
	middles := write(t, "middle.crl", middle.crl(t, soon))

	for _, row := range []struct {
		name   string
		auth   ClientAuth
		ca     string
		crls   []string
		device []issued
		want   Reason // "" passes
	}{
		{"none asks for none", ClientAuthNone, "", nil, []issued{wrongCA}, ""},
		{"request, none", ClientAuthRequest, ca, nil, nil, ""},
		{"request, good", ClientAuthRequest, ca, nil, []issued{good}, ""},
		{"request, wrong CA", ClientAuthRequest, ca, nil, []issued{wrongCA}, ClientCertificateUnknown},
		{"require, none", ClientAuthRequire, ca, nil, nil, NoClientCertificate},
		{"require, good", ClientAuthRequire, ca, nil, []issued{good}, ""},
		{"require, wrong CA", ClientAuthRequire, ca, nil, []issued{wrongCA}, ClientCertificateUnknown},
		{"require, expired", ClientAuthRequire, ca, nil, []issued{expired}, ClientCertificateExpired},
		{"require, not yet valid", ClientAuthRequire, ca, nil, []issued{early}, ClientCertificateExpired},
		{"require, a server's", ClientAuthRequire, ca, nil, []issued{forServers}, BadClientCertificate},
		{"require, control character", ClientAuthRequire, ca, nil, []issued{control}, BadClientCertificate},
		{"require, long name", ClientAuthRequire, ca, nil, []issued{long}, BadClientCertificate},
		{"require, longest name", ClientAuthRequire, ca, nil, []issued{longest}, ""},
		{"CRL, good", ClientAuthRequire, ca, []string{fresh}, []issued{good}, ""},
		{"CRL, none", ClientAuthRequest, ca, []string{fresh}, nil, ""},
		{"CRL, revoked", ClientAuthRequire, ca, []string{fresh}, []issued{revoked}, ClientCertificateRevoked},
		{"CRL in PEM, revoked", ClientAuthRequest, ca, []string{freshPEM}, []issued{revoked}, ClientCertificateRevoked},
		{"CRL in PEM, good", ClientAuthRequest, ca, []string{freshPEM}, []issued{good}, ""},
		{"no CRL, revoked", ClientAuthRequire, ca, nil, []issued{revoked}, ""},
		{"stale CRL, good", ClientAuthRequire, ca, []string{stale}, []issued{good}, ClientCertificateNoCRL},
		{"stale CRL, revoked", ClientAuthRequire, ca, []string{stale}, []issued{revoked}, ClientCertificateRevoked},
		{"intermediate without CRL", ClientAuthRequire, cas, []string{fresh}, []issued{byMiddle}, ClientCertificateNoCRL},
		{"intermediate with CRL", ClientAuthRequire, cas, []string{fresh, middles}, []issued{byMiddle}, ""},
	} {
		s := server(t, web, func(o *Options) { o.ClientAuth, o.ClientCA, o.CRLs = row.auth, row.ca, row.crls })
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := client(web, row.device...)
			config.MinVersion, config.MaxVersion = version, version
			if len(row.device) > 0 { // whatever CAs the server names
				device := row.device[0].forTLS()
				config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &device, nil }
			}
			m := meet(t, s.Config(), config)
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
	web, fleet := newCA(t, "web"), newCA(t, "fleet")
	middle := newCABy(t, "middle", fleet)
	device := middle.issue(t, ecdsaKey(t), nil, "device")
	soon := time.Now().Add(time.Hour)
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA = ClientAuthRequire, write(t, "cas.pem", middle.pem, fleet.pem)
		o.CRLs = []string{
			write(t, "fleet.crl", fleet.crl(t, soon, issued{leaf: middle.cert})), write(t, "middle.crl", middle.crl(t, soon)),
		}
	})
	config, shown := client(web), device.forTLS()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	reasonIs(t, meet(t, s.Config(), config), ClientCertificateUnknown)
	shown.Certificate = append(shown.Certificate, middle.cert.Raw)
	reasonIs(t, meet(t, s.Config(), config), ClientCertificateRevoked)
}

func TestTicketDoesNotOutliveARevocation(t *testing.T) {
	web, fleet := newCA(t, "web"), newCA(t, "fleet")
	device := fleet.issue(t, ecdsaKey(t), nil, "device")
	crl := write(t, "fleet.crl", fleet.crl(t, time.Now().Add(time.Hour)))
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.CRLs = ClientAuthRequire, write(t, "ca.pem", fleet.pem), []string{crl}
	})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		rewrite(t, crl, fleet.crl(t, time.Now().Add(time.Hour)))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		config := client(web, device)
		config.MaxVersion = version
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		read(t, mustMeet(t, s.Config(), config))
		m := mustMeet(t, s.Config(), config)
		info := m.session.Info()
		if !info.Resumed || !info.Verified || info.CommonName != "device" {
			t.Fatalf("the second session: %+v", info)
		}
		read(t, m) // takes its new ticket
		rewrite(t, crl, fleet.crl(t, time.Now().Add(time.Hour), device))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		reasonIs(t, meet(t, s.Config(), config), ClientCertificateRevoked)
	}
}

func TestCRLThatCannotBeBelievedIsRefused(t *testing.T) {
	web, fleet, stranger := newCA(t, "web"), newCA(t, "fleet"), newCA(t, "fleet")
	number, err := asn1.Marshal(big.NewInt(1))
	if err != nil {
		t.Fatal(err)
	}
	delta, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(2), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: number}},
	}, fleet.cert, fleet.key)
	if err != nil {
		t.Fatal(err)
	}
	good := ca1(t, web)
	for want, list := range map[string][]byte{
		"is not signed by a CA of client_ca": stranger.crl(t, time.Now().Add(time.Hour)), // the same name, another key
		"critical extension 2.5.29.27":       delta,
		"CRL 1: ":                            {0x30, 3, 1, 2, 3},
		"no CRL":                             []byte("nothing"),
	} {
		_, err := New(Options{
			Certificates: good, ClientAuth: ClientAuthRequire, ClientCA: write(t, "ca.pem", fleet.pem), CRLs: []string{write(t, "bad.crl", list)},
		})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bad.crl") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// ca1 is one certificate of ca's.
func ca1(t *testing.T, ca *authority) []CertificateFile {
	t.Helper()
	c := ca.issue(t, ecdsaKey(t), nil, "broker.example")
	return []CertificateFile{{Cert: write(t, "c.pem", c.cert, c.pem)}}
}
