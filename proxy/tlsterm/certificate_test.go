package tlsterm

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

func certFile(t *testing.T, content ...[]byte) string {
	return proxytest.TempFile(t, "c.pem", content...)
}
func keyFile(t *testing.T, content ...[]byte) string {
	return proxytest.TempFile(t, "k.pem", content...)
}

func TestCertificateAndKeyAreReadInAnyOrderAndEncoding(t *testing.T) {
	root := proxytest.NewCA("root")
	middle := root.Intermediate("middle")
	stranger := proxytest.NewCA("stranger")
	c, r := middle.Issue("a.example"), middle.IssueRSA("a.example")
	sec1, err := x509.MarshalECPrivateKey(c.TLS.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := proxytest.PEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r.TLS.PrivateKey.(*rsa.PrivateKey)))
	parameters := proxytest.PEM("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
	for name, f := range map[string]CertificateFile{
		"two files":               {Cert: certFile(t, c.Cert, middle.Cert), Key: keyFile(t, c.Key)},
		"one file, as HAProxy":    {Cert: certFile(t, c.Cert, middle.Cert, c.Key)},
		"key first":               {Cert: certFile(t, c.Key, c.Cert, middle.Cert)},
		"issuer first":            {Cert: certFile(t, middle.Cert, c.Cert, c.Key)},
		"with another's":          {Cert: certFile(t, stranger.Cert, c.Cert, middle.Cert, c.Key)},
		"SEC 1, with parameters":  {Cert: certFile(t, c.Cert, middle.Cert), Key: keyFile(t, parameters, proxytest.PEM("EC PRIVATE KEY", sec1))},
		"text around":             {Cert: certFile(t, []byte("Bag Attributes\n"), c.Cert, []byte("more\n"), middle.Cert, c.Key)},
		"RSA, PKCS 1":             {Cert: certFile(t, r.Cert, middle.Cert, pkcs1)},
		"RSA, PKCS 8":             {Cert: certFile(t, r.Cert, middle.Cert, r.Key)},
		"another's key before it": {Cert: certFile(t, c.Cert, middle.Cert, r.Key, c.Key)},
	} {
		got, err := f.load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := c.TLS.Leaf.Raw
		if strings.HasPrefix(name, "RSA") {
			want = r.TLS.Leaf.Raw
		}
		if len(got.Certificate) != 2 || !bytes.Equal(got.Certificate[0], want) || !bytes.Equal(got.Certificate[1], middle.TLS.Leaf.Raw) {
			t.Errorf("%s: %d certificates, or not the leaf and then its issuer", name, len(got.Certificate))
		}
	}
}

func TestCertificateThatCannotBeUsedIsNamedAndNotShown(t *testing.T) {
	ca := proxytest.NewCA("ca")
	a, b := ca.Issue("a.example"), ca.Issue("b.example")
	old := []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		f    CertificateFile
		want string
	}{
		{CertificateFile{Cert: pipe}, "pipe: not a regular file"},
		{CertificateFile{Cert: certFile(t, a.Cert), Key: keyFile(t, b.Key)}, "k.pem: the key does not belong to a certificate in "},
		{CertificateFile{Cert: certFile(t, a.Cert, b.Key)}, "c.pem: the key belongs to none of its certificates"},
		{CertificateFile{Cert: certFile(t, a.Cert), Key: keyFile(t, proxytest.PEM("ENCRYPTED PRIVATE KEY", []byte("x")))}, "k.pem:1: the key is encrypted"},
		{CertificateFile{Cert: certFile(t, a.Cert), Key: keyFile(t, old)}, "k.pem:1: the key is encrypted"},
		{CertificateFile{Cert: certFile(t, a.Cert)}, "c.pem: no private key in PEM"},
		{CertificateFile{Cert: certFile(t, a.Key)}, "c.pem: no certificate in PEM"},
		{CertificateFile{Cert: certFile(t, proxytest.PEM("CERTIFICATE", []byte("x")), a.Key)}, "c.pem:1: certificate 1: "},
		{CertificateFile{Cert: certFile(t, a.Cert, proxytest.PEM("PRIVATE KEY", []byte("x")))}, ": private key: "},
		{CertificateFile{Cert: certFile(t, []byte(" \n"))}, "c.pem: the file is empty"},
		{CertificateFile{Cert: certFile(t, make([]byte, maxCertificateFile+1))}, "c.pem: more than 1048576 bytes"},
		{CertificateFile{Cert: t.TempDir()}, "not a regular file"},
		{CertificateFile{Cert: filepath.Join(t.TempDir(), "none.pem")}, "none.pem: no such file"},
	} {
		_, err := row.f.load()
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("got %v, want %q", err, row.want)
			continue
		}
		for _, secret := range [][]byte{a.Key, b.Key} {
			if line := strings.Split(string(secret), "\n")[1]; strings.Contains(err.Error(), line[:20]) {
				t.Errorf("the error shows the key: %v", err)
			}
		}
	}
}

func TestExpiredCertificateIsAWarning(t *testing.T) {
	ca := proxytest.NewCA("ca")
	past := ca.IssueLike(proxytest.Expired(), "a.example")
	soon := ca.IssueLike(x509.Certificate{NotBefore: time.Now().Add(time.Minute)}, "b.example")
	last := ca.IssueLike(x509.Certificate{NotAfter: time.Now().Add(expirySoon - time.Minute)}, "c.example")
	s := server(t, ca, func(o *Options) {
		o.Certificates = append(o.Certificates, CertificateFile{Cert: proxytest.TempFile(t, "past.pem", past.Cert, past.Key)},
			CertificateFile{Cert: proxytest.TempFile(t, "soon.pem", soon.Cert, soon.Key)}, CertificateFile{Cert: proxytest.TempFile(t, "last.pem", last.Cert, last.Key)})
	})
	status := s.Status()
	if len(status) != 4 {
		t.Fatalf("%d files, want 4", len(status))
	}
	for i, want := range []string{"", "past.pem: the certificate of a.example has expired at ", "soon.pem: the certificate of b.example is not valid before ", "last.pem: the certificate of c.example expires within 14 days, at "} {
		got := status[i].Warning(time.Now())
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("got %q, want %q", got, want)
		}
		if i > 0 && !slices.Contains(texts(s.Warnings()), got) {
			t.Errorf("%q is not among the warnings: %q", got, s.Warnings())
		}
		if status[i].Err != nil || status[i].LoadedAt.IsZero() || len(status[i].Names) != 1 {
			t.Errorf("%+v", status[i])
		}
	}
}

func texts(warnings []*FileError) (all []string) {
	for _, w := range warnings {
		all = append(all, w.Error())
	}
	return all
}

func TestKeyThatEverybodyMayReadIsAWarning(t *testing.T) {
	ca := proxytest.NewCA("ca")
	pair := ca.Issue("a.example")
	cert, key := proxytest.TempFile(t, "cert.pem", pair.Cert), proxytest.TempFile(t, "key.pem", pair.Key)
	both, tickets := proxytest.TempFile(t, "both.pem", pair.Cert, pair.Key), proxytest.TempFile(t, "tickets", []byte(hexKey(1)))
	s, err := New(Options{Certificates: []CertificateFile{{Cert: cert, Key: key}, {Cert: both}}, TicketKeys: tickets})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		mode   os.FileMode
		warned []string
	}{{0o600, nil}, {0o640, nil}, {0o644, []string{key, both, tickets}}} {
		for _, file := range []string{cert, key, both, tickets} {
			if err := os.Chmod(file, row.mode); err != nil {
				t.Fatal(err)
			}
		}
		var files []string
		for _, warning := range s.Warnings() {
			if of := map[string]string{tickets: "the keys of session tickets"}[warning.File]; !strings.Contains(warning.Error(), cmp.Or(of, "the key of a.example")) {
				t.Error(warning)
			}
			files = append(files, warning.File)
		}
		if !slices.Equal(files, row.warned) {
			t.Errorf("mode %v: %q, want %q", row.mode, files, row.warned)
		}
	}
}

// New must report every fault of every file.
func TestNewReportsEverythingThatIsWrong(t *testing.T) {
	ca := proxytest.NewCA("ca")
	bad := proxytest.TempFile(t, "bad.pem", []byte("nothing"))
	good := ca.Issue("a.example")
	_, err := New(Options{
		Certificates: []CertificateFile{{Cert: bad}, {Cert: proxytest.TempFile(t, "good.pem", good.Cert, good.Key)}, {Cert: "missing.pem", Key: "missing.key"}},
		ClientAuth:   ClientAuthRequire, ClientCA: bad, CRLs: []string{bad}, TicketKeys: bad,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"no certificate in PEM", "missing.pem", "missing.key", "no CRL", "bad.pem:1: not a key"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	_, err = New(Options{ClientAuth: ClientAuthRequire, MinVersion: "0.9", MaxVersion: "2", Ciphers: []string{"RC4-MD5"}, Curves: []string{"P-224"}})
	for _, want := range []string{"min_version", "max_version", `"RC4-MD5"`, `"P-224"`, "at least one"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	if _, err = New(Options{Certificates: []CertificateFile{{Cert: bad}}, MinVersion: "1.3", MaxVersion: "1.2"}); err == nil || !strings.Contains(err.Error(), "above max_version") {
		t.Errorf("got %v", err)
	}
	if _, err = New(Options{Certificates: []CertificateFile{{Cert: bad}}, ClientAuth: ClientAuthRequest}); err == nil || !strings.Contains(err.Error(), "client_ca") {
		t.Errorf("got %v", err)
	}
	leaf := proxytest.TempFile(t, "leaf.pem", good.Cert)
	if _, err = loadAuthorities(KindClientCA, leaf); err == nil || !strings.Contains(err.Error(), "not the certificate of a CA") {
		t.Errorf("got %v", err)
	}
}

func TestCipherSuitesAndCurvesHaveBothNames(t *testing.T) {
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if suite.SupportedVersions[0] == tls.VersionTLS13 {
			continue
		}
		for _, name := range []string{suite.Name, CipherName(suite.ID)} {
			if got, err := parseCiphers([]string{name}, tls.VersionTLS12); err != nil || got[0] != suite.ID {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		if CipherName(suite.ID) == suite.Name {
			t.Errorf("%s has no name of OpenSSL's", suite.Name)
		}
	}
	got, err := parseCurves([]string{"x25519", "prime256v1", "P-384", "secp521r1", "X25519MLKEM768"})
	if err != nil || len(got) != 5 || got[1] != tls.CurveP256 {
		t.Errorf("%v, %v", got, err)
	}
}
