package tlsterm

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// An operator must see in the log what to write, without a look at the packets.
func TestRefusedOfferNamesTheSettingThatAllowsIt(t *testing.T) {
	ca := proxytest.NewCA("ca")
	rsa := ca.IssueRSA("broker.example").File(t)
	onlyRSA := func(o *Options) { o.Certificates = []CertificateFile{{Cert: rsa}} }
	tls12 := []string{"-tls1_2", "-servername", "broker.example"}
	for _, row := range []struct {
		name string
		set  func(*Options)
		args []string
		want Reason
		text string
	}{
		{"old version", nil, []string{"-tls1", "-cipher", "ALL:@SECLEVEL=0"}, NoSharedVersion, "the client offers TLS 1.0; tls.min_version is 1.2, and 1.0 would allow it"},
		{"new version", func(o *Options) { o.MaxVersion = "1.2" }, []string{"-tls1_3"}, NoSharedVersion, "the client offers TLS 1.3; tls.max_version is 1.2, and 1.3 would allow it"},
		{"suite", onlyRSA, append(tls12, "-cipher", "DHE-RSA-AES128-SHA:AES256-SHA:AES128-SHA:@SECLEVEL=0"), NoSharedCipher,
			"the client offers DHE-RSA-AES128-SHA, AES256-SHA, AES128-SHA in TLS 1.2; tls.ciphers does not allow any of them, and with AES128-SHA it would"},
		{"no suite that Go has", onlyRSA, append(tls12, "-cipher", "DHE-RSA-AES128-GCM-SHA256:AES128-CCM8:@SECLEVEL=0"), NoSharedCipher,
			"the client offers DHE-RSA-AES128-GCM-SHA256, AES128-CCM8 in TLS 1.2; crypto/tls has none of them for the certificate's key of RSA, so that no setting would allow it; protocol: tls passes"},
		{"key", nil, append(tls12, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"), NoSharedCipher,
			"the certificate has a key of ECDSA, and a second one in tls.certificates, with a key of RSA for the same name, would allow ECDHE-RSA-AES128-GCM-SHA256"},
		{"curve of 1.3", func(o *Options) { o.Curves = []string{"P-256", "X25519"} }, []string{"-tls1_3", "-groups", "X448:P-384"}, NoSharedCurve,
			"the client offers the curves 0x001e, P-384, and tls.curves allows P-256, X25519; with P-384 it would be accepted"},
		{"curve of 1.2", func(o *Options) { o.Curves = []string{"P-256"} }, append(tls12, "-groups", "P-521"), NoSharedCipher,
			"for ECDHE-ECDSA-AES128-GCM-SHA256 a common curve is missing: the client offers the curves P-521, and tls.curves allows P-256; with P-521 it would be accepted"},
		{"curve that Go has not", nil, append(tls12, "-groups", "brainpoolP256r1"), NoSharedCipher, "the client offers the curves 0x001a, and crypto/tls has none of them"},
		{"SHA-1", onlyRSA, append(tls12, "-sigalgs", "RSA+SHA1", "-cipher", "DEFAULT:@SECLEVEL=0"), NoSharedCipher, "PKCS1WithSHA1, none of which the certificate's key of RSA makes; it can only verify SHA-1, which the environment variable GODEBUG=tlssha1=1 allows"},
		{"ALPN", func(o *Options) { o.Protocols = []string{"mqtt"} }, append(tls12, "-alpn", "h2,x"), NoSharedProtocol, `the client offers the protocols "h2", "x" in ALPN; tls.alpn allows "mqtt"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := server(t, ca, row.set)
			c := startOpenSSL(t, row.args...)
			_, err := c.accept(t, s.Config())
			reasonIs(t, handshakeResult{err: err}, row.want)
			if err == nil || !strings.Contains(err.Error(), row.text) {
				t.Errorf("the error is\n%v, without\n%s", err, row.text)
			}
		})
	}
}

// A ClientHello has room for 32,000 suites; GREASE and signalling values are none.
func TestErrorNamesAFewSuitesOfMany(t *testing.T) {
	hello := &tls.ClientHelloInfo{CipherSuites: []uint16{0x2a2a, 0x00ff, 0x5600, 0x1301}, SupportedVersions: []uint16{tls.VersionTLS12}}
	o := offer{hello: hello, config: &tls.Config{MaxVersion: tls.VersionTLS13}}
	if got := o.suites(); len(got) != 0 {
		t.Errorf("named %v", got)
	}
	for id := range uint16(32000) {
		o.hello.CipherSuites = append(o.hello.CipherSuites, 0x8000+id)
	}
	if got := o.explain(NoSharedCipher, errors.New("x")); len(got) > 600 || !strings.Contains(got, " more in TLS 1.2") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestCertificateThatNoSuiteCanUseIsNoticed(t *testing.T) {
	ca := proxytest.NewCA("ca")
	ec, rsa := ca.Issue("broker.example").File(t), ca.IssueRSA("broker.example").File(t)
	listening := func(most string, files ...string) (*Terminator, error) {
		o := Options{MaxVersion: most, Ciphers: []string{"AES128-SHA", "ECDHE-RSA-AES128-GCM-SHA256"}}
		for _, f := range files {
			o.Certificates = append(o.Certificates, CertificateFile{Cert: f})
		}
		return New(o)
	}
	const why = "it has a key of ECDSA, and no suite in ciphers is for such a key"
	if _, err := listening("1.2", ec); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("a listener with which no handshake can succeed: %v", err)
	}
	for _, files := range [][]string{{ec}, {ec, rsa}} {
		s, err := listening("1.3", files...)
		if err != nil {
			t.Fatal(err)
		}
		if w := s.Warnings(); !slices.ContainsFunc(w, func(e *FileError) bool { return strings.HasPrefix(e.Error(), ec+": "+why) }) {
			t.Errorf("the warnings are %q", w)
		}
	}
	if s, err := listening("1.2", rsa); err != nil || len(s.useless()) > 0 {
		t.Errorf("got %v", err)
	}
}

func TestEverySuiteHasOneRank(t *testing.T) {
	if len(ranked) != len(openssl) {
		t.Errorf("%d suites are ranked, of %d", len(ranked), len(openssl))
	}
	for id := range openssl {
		if !slices.Contains(ranked, id) || foreign[id] != "" {
			t.Errorf("%s has no rank, or is foreign", openssl[id])
		}
	}
}
