package tlsterm

import (
	"crypto/tls"
	"testing"
)

func TestCertificateIsChosenByName(t *testing.T) {
	ca := newCA(t, "ca")
	first := ca.issue(t, rsaKey(), nil, "first.example")
	firstEC := ca.issue(t, ecdsaKey(t), nil, "first.example", "also.example")
	exact := ca.issue(t, ecdsaKey(t), nil, "a.b.example")
	wild := ca.issue(t, ecdsaKey(t), nil, "*.b.example")
	var files []CertificateFile
	for _, c := range []issued{first, firstEC, wild, exact} {
		files = append(files, CertificateFile{Cert: write(t, "c.pem", c.cert, c.pem)})
	}
	for _, strict := range []bool{false, true} {
		s, err := New(Options{Certificates: files, StrictSNI: strict})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name    string
			want    issued
			unknown bool // refused when strict
		}{
			{"first.example", firstEC, false},
			{"also.example", firstEC, false},
			{"a.b.example", exact, false},
			{"A.B.Example", exact, false},
			{"c.b.example", wild, false},
			{"d.c.b.example", firstEC, true}, // a wildcard is one label
			{"b.example", firstEC, true},
			{"other.example", firstEC, true},
			{"", firstEC, false},
		} {
			config := &tls.Config{ServerName: row.name, InsecureSkipVerify: true}
			m := meet(t, s.Config(), config)
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
			if got := m.client.ConnectionState().PeerCertificates[0]; !got.Equal(row.want.leaf) {
				t.Errorf("strict %v, %q: got the certificate of %v (%v)", strict, row.name, got.DNSNames, got.PublicKeyAlgorithm)
			}
		}
	}
}

func TestKindOfKeyIsTheClientsChoice(t *testing.T) {
	ca := newCA(t, "ca")
	r, e := ca.issue(t, rsaKey(), nil, "broker.example"), ca.issue(t, ecdsaKey(t), nil, "broker.example")
	s, err := New(Options{Certificates: []CertificateFile{
		{Cert: write(t, "rsa.pem", r.cert, r.pem)}, {Cert: write(t, "ecdsa.pem", e.cert, e.pem)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for cipher, want := range map[uint16]issued{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: r, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: e,
	} {
		for _, name := range []string{"broker.example", "unknown.example"} {
			m := mustMeet(t, s.Config(), &tls.Config{
				ServerName: name, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{cipher},
			})
			if got := m.client.ConnectionState().PeerCertificates[0]; !got.Equal(want.leaf) {
				t.Errorf("%s, %s: got a certificate with %v", tls.CipherSuiteName(cipher), name, got.PublicKeyAlgorithm)
			}
		}
	}
}

// A ticket was sealed for a name that the listener has lost since.
func TestResumedSessionNeedsAKnownName(t *testing.T) {
	ca := newCA(t, "ca")
	keys := write(t, "tickets", []byte("# one\n"+hexKey(1)+"\n"))
	share := func(o *Options) { o.TicketKeys = keys }
	before := server(t, ca, share)
	cache := client(ca)
	cache.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	read(t, mustMeet(t, before.Config(), cache))

	other := ca.issue(t, ecdsaKey(t), nil, "other.example")
	after := server(t, ca, func(o *Options) {
		share(o)
		o.StrictSNI = true
		o.Certificates = []CertificateFile{{Cert: write(t, "o.pem", other.cert, other.pem)}}
	})
	reasonIs(t, meet(t, after.Config(), cache), UnknownName)
}
