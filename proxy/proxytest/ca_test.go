package proxytest

import (
	"crypto/tls"
	"crypto/x509"
	"os/exec"
	"testing"
	"time"
)

func TestCertificatesAreWhatTheTestsTakeThemFor(t *testing.T) {
	ca, stranger := NewCA("a CA"), NewCA("a CA")
	middle := ca.Intermediate("middle")
	intermediates := middle.Pool()
	for _, row := range []struct {
		name string
		pair Pair
		host string
		good bool
	}{
		{"a host", ca.Issue("broker.example", "127.0.0.1"), "broker.example", true},
		{"an address", ca.Issue("broker.example", "127.0.0.1"), "127.0.0.1", true},
		{"another host", ca.Issue("broker.example"), "other.example", false},
		{"RSA", ca.IssueRSA("broker.example"), "broker.example", true},
		{"an intermediate's", middle.Issue("broker.example"), "broker.example", true},
		{"expired", ca.IssueLike(Expired(), "broker.example"), "broker.example", false},
		{"not yet valid", ca.IssueLike(x509.Certificate{NotBefore: time.Now().Add(time.Hour)}, "broker.example"), "broker.example", false},
		{"a client's", ca.IssueLike(x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "a"), "a", false},
		{"another CA's", stranger.Issue("broker.example"), "broker.example", false},
	} {
		_, err := row.pair.TLS.Leaf.Verify(x509.VerifyOptions{DNSName: row.host, Roots: ca.Pool(), Intermediates: intermediates})
		if (err == nil) != row.good {
			t.Errorf("%s: %v", row.name, err)
		}
		file := row.pair.File(t)
		if _, err := tls.LoadX509KeyPair(file, file); err != nil {
			t.Errorf("%s: its file: %v", row.name, err)
		}
	}
}

func TestOpenSSLFindsNothingWrongWithAChain(t *testing.T) {
	ca := NewCA("a CA")
	middle := ca.Intermediate("middle")
	out, err := exec.Command(Program(t, "openssl"), "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", TempFile(t, "ca.pem", ca.Cert),
		"-untrusted", TempFile(t, "middle.pem", middle.Cert), middle.Issue("broker.example").File(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestCRLNamesWhatIsRevoked(t *testing.T) {
	ca := NewCA("a CA")
	revoked := ca.Issue("revoked").TLS.Leaf
	loaded := LoadCA(TempFile(t, "ca.pem", ca.Cert), TempFile(t, "ca.key", ca.Key))
	list, err := x509.ParseRevocationList(loaded.CRL(time.Now().Add(time.Hour), revoked))
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(ca.TLS.Leaf); err != nil {
		t.Error(err)
	}
	if got := list.RevokedCertificateEntries; len(got) != 1 || got[0].SerialNumber.Cmp(revoked.SerialNumber) != 0 {
		t.Errorf("revoked are %v", got)
	}
}
