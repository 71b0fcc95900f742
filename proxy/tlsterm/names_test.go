package tlsterm

import (
	"crypto/tls"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestCertificateIsChosenByName(t *testing.T) {
	ca := proxytest.NewCA("ca")
	first := ca.IssueRSA("first.example")
	firstEC := ca.Issue("first.example", "also.example")
	exact := ca.Issue("a.b.example")
	wild := ca.Issue("*.b.example")
	var files []CertificateFile
	for _, c := range []proxytest.Pair{first, firstEC, wild, exact} {
		files = append(files, CertificateFile{Cert: c.File(t)})
	}
	for _, strict := range []bool{false, true} {
		s, err := New(Options{Certificates: files, StrictSNI: strict})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name    string
			want    proxytest.Pair
			unknown bool // refused when strict
		}{
			{"first.example", firstEC, false},
			{"also.example", firstEC, false},
			{"a.b.example", exact, false},
			{"A.B.Example", exact, false},
			{"c.b.example", wild, false},
			{"d.c.b.example", firstEC, true}, // a wildcard stands for one label
			{"b.example", firstEC, true},
			{"other.example", firstEC, true},
			{"", firstEC, false},
		} {
			config := &tls.Config{ServerName: row.name, InsecureSkipVerify: true}
			m := handshake(t, s.Config(), config)
			if strict && row.unknown {
				reasonIs(t, m, UnknownName)
				if want := "remote error: tls: unrecognized name"; m.clientErr == nil || m.clientErr.Error() != want {
					t.Errorf("%q: the client got %v, want %s", row.name, m.clientErr, want)
				}
				continue
			}
			if m.err != nil {
				t.Errorf("strict %v, %q: %v", strict, row.name, m.err)
				continue
			}
			if got := m.client.ConnectionState().PeerCertificates[0]; !got.Equal(row.want.TLS.Leaf) {
				t.Errorf("strict %v, %q: got the certificate of %v (%v)", strict, row.name, got.DNSNames, got.PublicKeyAlgorithm)
			}
		}
	}
}

func TestKindOfKeyIsTheClientsChoice(t *testing.T) {
	ca := proxytest.NewCA("ca")
	r, e := ca.IssueRSA("broker.example"), ca.Issue("broker.example")
	s, err := New(Options{Certificates: []CertificateFile{
		{Cert: r.File(t)}, {Cert: e.File(t)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for cipher, want := range map[uint16]proxytest.Pair{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: r, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: e,
	} {
		for _, name := range []string{"broker.example", "unknown.example"} {
			m := mustHandshake(t, s.Config(), &tls.Config{
				ServerName: name, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{cipher},
			})
			if got := m.client.ConnectionState().PeerCertificates[0]; !got.Equal(want.TLS.Leaf) {
				t.Errorf("%s, %s: got a certificate with %v", tls.CipherSuiteName(cipher), name, got.PublicKeyAlgorithm)
			}
		}
	}
}

// A ticket is refused if the listener no longer has the name that it was sealed for.
func TestResumedSessionNeedsAKnownName(t *testing.T) {
	ca := proxytest.NewCA("ca")
	keys := proxytest.TempFile(t, "tickets", []byte("# one\n"+hexKey(1)+"\n"))
	share := func(o *Options) { o.TicketKeys = keys }
	before := server(t, ca, share)
	cache := client(ca)
	cache.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	read(t, mustHandshake(t, before.Config(), cache))

	other := ca.Issue("other.example")
	after := server(t, ca, func(o *Options) {
		share(o)
		o.StrictSNI = true
		o.Certificates = []CertificateFile{{Cert: other.File(t)}}
	})
	reasonIs(t, handshake(t, after.Config(), cache), UnknownName)
}
