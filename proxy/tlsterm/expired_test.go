package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// both calls test for TLS 1.2 and 1.3.
func both(t *testing.T, test func(t *testing.T, version uint16)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) { test(t, version) })
	}
}

// device returns the configuration of a client that shows a chain, whatever CAs the server names.
func device(web *proxytest.CA, version uint16, chain ...proxytest.Pair) *tls.Config {
	config := client(web)
	config.MinVersion, config.MaxVersion = version, version
	if len(chain) > 0 {
		shown := chain[0].TLS
		shown.Certificate = slices.Clone(shown.Certificate)
		for _, ca := range chain[1:] {
			shown.Certificate = append(shown.Certificate, ca.TLS.Leaf.Raw)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	}
	return config
}

func TestOnlyTheEndOfAClientsCertificateIsForgiven(t *testing.T) {
	web, fleet, stranger := proxytest.NewCA("web"), proxytest.NewCA("fleet"), proxytest.NewCA("stranger")
	middle := fleet.Intermediate("middle")
	ended := fleet.IntermediateFrom("ended", time.Now().AddDate(0, 0, -61))
	early := fleet.IntermediateFrom("early", time.Now().Add(time.Hour))
	old := proxytest.Expired()
	forServers := proxytest.Expired()
	forServers.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	revoked := fleet.IssueLike(old, "revoked")
	soon := time.Now().Add(time.Hour)
	crls := []string{
		proxytest.TempFile(t, "fleet.crl", fleet.CRL(soon, revoked.TLS.Leaf)), proxytest.TempFile(t, "middle.crl", middle.CRL(soon)),
	}
	stale := proxytest.TempFile(t, "stale.crl", fleet.CRL(time.Now().Add(-time.Minute)))
	ca := proxytest.TempFile(t, "fleet.pem", fleet.Cert)
	endedRoot := proxytest.TempFile(t, "ended.pem", ended.Cert)
	for _, row := range []struct {
		name    string
		ca      string
		crls    []string
		chain   []proxytest.Pair
		strict  Reason // without AcceptExpired
		want    Reason // with it
		expired bool
	}{
		{"good", ca, nil, []proxytest.Pair{fleet.Issue("good")}, "", "", false},
		{"expired", ca, nil, []proxytest.Pair{fleet.IssueLike(old, "old")}, ClientCertificateExpired, "", true},
		{"expired, of an intermediate", ca, crls, []proxytest.Pair{middle.IssueLike(old, "old"), middle.Pair}, ClientCertificateExpired, "", true},
		{"expired and not revoked", ca, crls, []proxytest.Pair{fleet.IssueLike(old, "old")}, ClientCertificateExpired, "", true},
		{"expired and revoked", ca, crls, []proxytest.Pair{revoked}, ClientCertificateExpired, ClientCertificateRevoked, false},
		{"expired, and so is the CRL", ca, []string{stale}, []proxytest.Pair{fleet.IssueLike(old, "old")}, ClientCertificateExpired, ClientCertificateOldCRL, false},
		{"not yet valid", ca, nil, []proxytest.Pair{fleet.IssueLike(x509.Certificate{NotBefore: soon}, "early")}, ClientCertificateEarly, ClientCertificateEarly, false},
		{"expired, of a stranger", ca, nil, []proxytest.Pair{stranger.IssueLike(old, "old")}, ClientCertificateExpired, ClientCertificateUnknown, false},
		{"of a stranger", ca, nil, []proxytest.Pair{stranger.Issue("new")}, ClientCertificateUnknown, ClientCertificateUnknown, false},
		{"expired, for servers", ca, nil, []proxytest.Pair{fleet.IssueLike(forServers, "server")}, ClientCertificateExpired, ClientCertificateUsage, false},
		{"expired intermediate", ca, nil, []proxytest.Pair{ended.Issue("new"), ended.Pair}, ClientCertificateCATime, ClientCertificateCATime, false},
		{"early intermediate", ca, nil, []proxytest.Pair{early.Issue("new"), early.Pair}, ClientCertificateCATime, ClientCertificateCATime, false},
		{"expired anchor", endedRoot, nil, []proxytest.Pair{ended.Issue("new")}, ClientCertificateCATime, ClientCertificateCATime, false},
		{"expired, and so is the anchor", endedRoot, nil, []proxytest.Pair{ended.IssueLike(old, "old")}, ClientCertificateExpired, ClientCertificateCATime, false},
		{"expired, with a bad name", ca, nil, []proxytest.Pair{fleet.IssueLike(old, "a\x00b")}, ClientCertificateExpired, BadClientCertificate, false},
		{"none", ca, nil, nil, NoClientCertificate, NoClientCertificate, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			both(t, func(t *testing.T, version uint16) {
				for want, accept := range map[*Reason]bool{&row.strict: false, &row.want: true} {
					for _, auth := range []ClientAuth{ClientAuthRequire, ClientAuthRequest} {
						s := server(t, web, func(o *Options) { o.ClientAuth, o.ClientCA, o.CRLs, o.AcceptExpired = auth, row.ca, row.crls, accept })
						m := handshake(t, s.Config(), device(web, version, row.chain...))
						if *want != "" && (auth == ClientAuthRequire || row.chain != nil) {
							reasonIs(t, m, *want)
							continue
						}
						if m.err != nil {
							t.Fatal(m.err)
						}
						info := m.session.Info()
						if info.Verified != (row.chain != nil) || m.session.ClientExpired() != row.expired || row.chain != nil && info.CommonName == "" {
							t.Errorf("%+v, expired %v", info, m.session.ClientExpired())
						}
					}
				}
			})
		})
	}
}

// crypto/tls resumes no session with a certificate that has expired. One that expires after its ticket was made needs a
// full handshake, and what is resumed passes every check again.
func TestResumptionAndTheEndOfACertificate(t *testing.T) {
	both(t, func(t *testing.T, version uint16) {
		web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
		now := time.Now()
		pair := fleet.Issue("device") // valid for 30 days; its CA for 60
		ca, crl := proxytest.TempFile(t, "ca.pem", fleet.Cert), proxytest.TempFile(t, "fleet.crl", fleet.CRL(now.AddDate(0, 0, 50)))
		s := server(t, web, func(o *Options) {
			o.ClientAuth, o.ClientCA, o.CRLs, o.AcceptExpired = ClientAuthRequire, ca, []string{crl}, true
			o.Now = func() time.Time { return now }
		})
		config := device(web, version, pair)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		config.Time = func() time.Time { return now.Add(time.Minute) }
		config.InsecureSkipVerify = true // the server's certificate expires, too
		next := func(resumed, expired bool) {
			t.Helper()
			m := mustHandshake(t, s.Config(), config)
			info := m.session.Info()
			if info.Resumed != resumed || !info.Verified || info.CommonName != "device" || m.session.ClientExpired() != expired {
				t.Errorf("%+v, expired %v, want resumed %v, expired %v", info, m.session.ClientExpired(), resumed, expired)
			}
			read(t, m) // the client takes its ticket
		}
		next(false, false)
		next(true, false)
		now = now.AddDate(0, 0, 29)
		next(false, false) // the ticket is too old
		next(true, false)
		now = now.AddDate(0, 0, 2) // within the life of the ticket
		next(false, true)
		next(false, true)
		now = now.AddDate(0, 0, -2)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		next(false, false)
		next(true, false)

		proxytest.WriteFile(crl, fleet.CRL(now.AddDate(0, 0, 50), pair.TLS.Leaf))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		reasonIs(t, handshake(t, s.Config(), config), ClientCertificateRevoked)

		other := proxytest.NewCA("other")
		proxytest.WriteFile(ca, other.Cert)
		proxytest.WriteFile(crl, other.CRL(now.AddDate(0, 0, 50)))
		if err := s.Reload(); err != nil {
			t.Fatal(err)
		}
		reasonIs(t, handshake(t, s.Config(), config), ClientCertificateUnknown)
	})
}

func TestGateCountsReasonsAndExpiredCertificates(t *testing.T) {
	web, fleet := proxytest.NewCA("web"), proxytest.NewCA("fleet")
	s := server(t, web, func(o *Options) {
		o.ClientAuth, o.ClientCA, o.AcceptExpired = ClientAuthRequire, proxytest.TempFile(t, "ca.pem", fleet.Cert), true
	})
	g := NewGate(0, 0, 0)
	for _, pair := range []proxytest.Pair{
		fleet.Issue("good"), fleet.IssueLike(proxytest.Expired(), "old"), web.Issue("stranger"), web.Issue("stranger"),
		fleet.IssueLike(x509.Certificate{NotBefore: time.Now().Add(time.Hour)}, "early"),
	} {
		if err := g.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		m := handshake(t, s.Config(), device(web, tls.VersionTLS13, pair))
		g.Leave(m.session, m.err)
	}
	c := g.Counts()
	if c.Done != 2 || c.Expired != 1 || c.Failed != 3 || len(c.Reasons) != 2 || c.Reasons[ClientCertificateUnknown] != 2 || c.Reasons[ClientCertificateEarly] != 1 {
		t.Errorf("%+v", c)
	}
}
