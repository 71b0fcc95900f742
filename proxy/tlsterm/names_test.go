package tlsterm

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

func TestCertificateIsChosenByName(t *testing.T) {
	ca := proxytest.NewCA("ca")
	first := ca.IssueRSA("first.example")
	firstEC := ca.Issue("first.example", "also.example")
	exact := ca.Issue("a.b.example", "xn--bcher-kva.example")
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
			{"XN--BCHER-KVA.example", exact, false},
			{"Bücher.example", exact, false}, // as some clients send it
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

// Clients spell a name in several ways, and send what is no name at all (RFC 6066, 3).
func TestEachSpellingOfANameFindsTheCertificate(t *testing.T) {
	ca := proxytest.NewCA("ca")
	first := ca.Issue("first.example")
	german := ca.Issue("XN--bcher-kva.example", "*.xn--mnchen-3ya.example")
	address := ca.Issue("10.0.0.1", "2001:db8::1")
	old := ca.IssueLike(x509.Certificate{Subject: pkix.Name{CommonName: "Gerät.example"}})
	var certs []*tls.Certificate
	for _, c := range []proxytest.Pair{first, german, address, old} {
		certs = append(certs, &c.TLS)
	}
	n := newNames(certs, true)
	for name, want := range map[string]proxytest.Pair{
		"xn--bcher-kva.example":    german,
		"XN--BCHER-KVA.EXAMPLE":    german,
		"bücher.example":           german,
		"BÜCHER.example":           german,
		"a.xn--mnchen-3ya.example": german,
		"A.München.example":        german,
		"10.0.0.1":                 address,
		"2001:DB8:0::1":            address,
		"[2001:db8::1]":            address,
		"xn--gert-noa.example":     old,
		"gerät.example":            old,
		"first.example:8883":       first,
		"":                         first,
	} {
		if got := n.lookup(name); len(got) != 1 || !got[0].Leaf.Equal(want.TLS.Leaf) {
			t.Errorf("%q does not find the certificate of %v", name, want.TLS.Leaf.DNSNames)
		}
	}
	for _, name := range []string{"10.0.0.2", "buecher.example", "xn--", "ü", "\xff", "."} {
		if got := n.lookup(name); got != nil {
			t.Errorf("%q finds %v", name, namesOf(got[0].Leaf))
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

// crypto/tls keeps the name for all of the session. A longer one cannot come with a resumed session either.
func TestALongNameIsRefused(t *testing.T) {
	ca := proxytest.NewCA("ca")
	s := server(t, ca, nil)
	for _, most := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := &tls.Config{InsecureSkipVerify: true, MaxVersion: most, ClientSessionCache: oneSession{tls.NewLRUClientSessionCache(1)}}
		for _, row := range []struct {
			bytes   int
			resumed bool
		}{{maxServerName, false}, {maxServerName, true}, {maxServerName + 1, false}, {60_000, false}} {
			c.ServerName = strings.Repeat("a", row.bytes)
			m := handshake(t, s.Config(), c)
			if row.bytes <= maxServerName {
				if m.err != nil {
					t.Fatalf("%d bytes: %v", row.bytes, m.err)
				}
				read(t, m)
				if got := m.session.Summary(); len(got.ServerName) != row.bytes || got.Resumed != row.resumed {
					t.Errorf("%d bytes: %d in the summary, resumed %v", row.bytes, len(got.ServerName), got.Resumed)
				}
				continue
			}
			reasonIs(t, m, BadName)
			if want := fmt.Sprintf("TLS handshake: bad_name: the client's SNI has %d bytes, more than 255", row.bytes); m.err.Error() != want {
				t.Errorf("got %v, want %s", m.err, want)
			}
		}
	}
}

// oneSession is a cache whose session is for every name.
type oneSession struct{ tls.ClientSessionCache }

func (c oneSession) Get(string) (*tls.ClientSessionState, bool) { return c.ClientSessionCache.Get("") }
func (c oneSession) Put(_ string, s *tls.ClientSessionState)    { c.ClientSessionCache.Put("", s) }
