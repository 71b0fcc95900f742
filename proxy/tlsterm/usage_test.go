package tlsterm

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

func TestCertificateThatIsNotForAServerIsRefused(t *testing.T) {
	ca := proxytest.NewCA("ca")
	dir := madeByOpenSSL(t)
	if _, err := New(Options{Certificates: []CertificateFile{{Cert: dir + "/client.pem", Key: dir + "/client.key"}}}); err == nil ||
		!strings.Contains(err.Error(), "client.pem: the certificate of device-1 is not for a server: its extended key usage is clientAuth, without serverAuth, so that clients refuse it") {
		t.Errorf("OpenSSL's: got %v", err)
	}
	for _, row := range []struct {
		name  string
		usage []x509.ExtKeyUsage
		want  string // part of the error; empty: no error
	}{
		{"clients", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, "is clientAuth, without"},
		{"code", []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection}, "is codeSigning, emailProtection, without"},
		{"both", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, ""},
		{"any", []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, ""},
		{"all", []x509.ExtKeyUsage{}, ""},
		{"old servers", []x509.ExtKeyUsage{x509.ExtKeyUsageNetscapeServerGatedCrypto}, ""},
	} {
		pair := ca.IssueLike(x509.Certificate{ExtKeyUsage: row.usage}, "a.example", "b.example", "c.example", "d.example", "e.example")
		_, err := New(Options{Certificates: []CertificateFile{{Cert: pair.File(t)}}})
		if (err == nil) != (row.want == "") || err != nil && (!strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), "of a.example, b.example, c.example and 2 more is not for a server")) {
			t.Errorf("%s: got %v, want %q", row.name, err, row.want)
		}
	}
}

// Once a listener serves, a certificate that clients refuse does not take the place of one that they accept.
func TestReloadKeepsTheCertificateOfAServer(t *testing.T) {
	ca := proxytest.NewCA("ca")
	pair := ca.Issue("a.example")
	file := proxytest.TempFile(t, "c.pem", pair.Cert, pair.Key)
	s, err := New(Options{Certificates: []CertificateFile{{Cert: file}}})
	if err != nil {
		t.Fatal(err)
	}
	client := ca.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "b.example")
	proxytest.WriteFile(file, client.Cert, client.Key)
	if err := s.Reload(); err == nil || !strings.Contains(err.Error(), "of b.example is not for a server") || name(t, s) != "a.example" {
		t.Errorf("%v, %s", err, name(t, s))
	}
}

func TestDoubtfulCertificateIsAWarning(t *testing.T) {
	ca := proxytest.NewCA("ca")
	last := ca.Intermediate("middle")
	end := last.TLS.Leaf.NotAfter
	chained := last.Issue("a.example")
	for _, row := range []struct {
		name   string
		pair   proxytest.Pair
		server []string // parts of the warnings, as a server's
		client []string // as ours for nodes
	}{
		{"good", ca.Issue("a.example"), nil, nil},
		{"an address alone", ca.Issue("127.0.0.1"), nil, nil},
		{"no SAN", ca.IssueLike(x509.Certificate{Subject: pkix.Name{CommonName: "emqx"}}), []string{"the certificate of emqx has no SAN: clients in Go"}, nil},
		{"no name", ca.IssueLike(x509.Certificate{}), []string{"the certificate of nobody has no SAN"}, nil},
		{"a CA's key usage", ca.IssueLike(x509.Certificate{KeyUsage: x509.KeyUsageCertSign}, "a.example"), []string{"the key usage of the certificate of a.example lacks digitalSignature and signs certificates alone"}, nil},
		{"of a server alone", ca.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, "a.example"), nil,
			[]string{"the certificate of a.example is not for a client: its extended key usage is serverAuth, without clientAuth, so that nodes that verify it refuse it"}},
	} {
		file := CertificateFile{Cert: row.pair.File(t)}
		s, err := New(Options{Certificates: []CertificateFile{file}})
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		n := originator(t, ca, func(o *NodeOptions) { o.Certificate = file })
		for what, got := range map[string][]*FileError{"server": s.Warnings(), "client": n.Warnings()} {
			want := row.server
			if what == "client" {
				want = row.client
			}
			if !slices.EqualFunc(got, want, func(w *FileError, part string) bool {
				return w.File == file.Cert && w.Kind == KindCertificate && strings.Contains(w.Error(), file.Cert+": "+part)
			}) {
				t.Errorf("%s, as a %s's: got %q, want %q", row.name, what, texts(got), want)
			}
		}
	}

	// The certificates of a chain are looked at, too.
	s, err := New(Options{Certificates: []CertificateFile{{Cert: proxytest.TempFile(t, "chain.pem", chained.Cert, last.Cert, chained.Key)}}, Now: func() time.Time { return end.Add(-13 * 24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(s.Warnings()); len(got) != 2 || !strings.Contains(got[0], "the certificate of a.example has expired") || !strings.Contains(got[1], `chain.pem: the intermediate certificate "CN=middle" expires within 14 days`) {
		t.Errorf("got %q", got)
	}
}
