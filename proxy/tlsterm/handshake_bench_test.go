package tlsterm

import (
	"crypto/tls"
	"testing"

	"mqttlb/proxy/proxytest"
)

// BenchmarkHandshake measures both sides of a handshake on loopback.
func BenchmarkHandshake(b *testing.B) {
	ca := proxytest.NewCA("ca")
	r, e := ca.IssueRSA("broker.example"), ca.Issue("broker.example")
	for _, kind := range []struct {
		name    string
		cert    proxytest.Pair
		curve   tls.CurveID
		resumed bool
	}{
		{"ECDSA, X25519", e, tls.X25519, false},
		{"ECDSA, X25519MLKEM768", e, tls.X25519MLKEM768, false},
		{"RSA 2048, X25519", r, tls.X25519, false},
		{"resumed, X25519", e, tls.X25519, true},
	} {
		b.Run(kind.name, func(b *testing.B) {
			s, err := New(Options{Certificates: []CertificateFile{{Cert: kind.cert.File(b)}}})
			if err != nil {
				b.Fatal(err)
			}
			config := client(ca)
			config.CurvePreferences = []tls.CurveID{kind.curve}
			if kind.resumed {
				config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			}
			b.ReportAllocs()
			for b.Loop() {
				m := mustHandshake(b, s.Config(), config)
				read(b, m)
				m.client.Close()
				m.raw.Close()
			}
		})
	}
}
