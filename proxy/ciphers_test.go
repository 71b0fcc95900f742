package proxy

import (
	"bytes"
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// speaking makes the listener end TLS with these options and certificates of both kinds.
func speaking(t *testing.T, o tlsterm.Options) setting {
	for _, pair := range []proxytest.Pair{testCA().Issue("broker.example"), testCA().IssueRSA("broker.example")} {
		o.Certificates = append(o.Certificates, tlsterm.CertificateFile{Cert: pair.File(t)})
	}
	terminator, err := tlsterm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return over(func(s *snapshot.TLS) { s.Terminator = terminator })
}

// Devices that speak only old TLS connect once the settings name what they have. Without, the log says what to
// write.
func TestOldDevicesConnectOnceTheirSuiteIsNamed(t *testing.T) {
	backend := startNode(t, nil)
	for _, row := range []struct {
		args   string
		set    tlsterm.Options
		cipher string
		why    string // without set
	}{
		{"-tls1_2 -cipher AES128-SHA:@SECLEVEL=0", tlsterm.Options{Ciphers: []string{"AES128-SHA"}}, "AES128-SHA", "no_shared_cipher: the client offers AES128-SHA in TLS 1.2; tls.ciphers does not allow any of them, and with AES128-SHA it would"},
		{"-tls1_2 -cipher AES256-SHA:@SECLEVEL=0", tlsterm.Options{Ciphers: []string{"TLS_RSA_WITH_AES_256_CBC_SHA"}}, "AES256-SHA", "with AES256-SHA it would"},
		{"-tls1_2 -cipher AES128-GCM-SHA256", tlsterm.Options{Ciphers: []string{"AES128-GCM-SHA256"}}, "AES128-GCM-SHA256", "with AES128-GCM-SHA256 it would"},
		{"-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256", tlsterm.Options{Ciphers: []string{"ECDHE-ECDSA-AES128-SHA256"}}, "ECDHE-ECDSA-AES128-SHA256", "with ECDHE-ECDSA-AES128-SHA256 it would"},
		{"-tls1 -cipher AES128-SHA:@SECLEVEL=0", tlsterm.Options{MinVersion: "1.0", Ciphers: []string{"AES128-SHA"}}, "AES128-SHA", "no_shared_version: the client offers TLS 1.0; tls.min_version is 1.2, and 1.0 would allow it"},
		{"-tls1_1 -cipher ALL:@SECLEVEL=0", tlsterm.Options{MinVersion: "1.1"}, "ECDHE-ECDSA-AES", "the client offers TLS 1.1, TLS 1.0; tls.min_version is 1.2, and 1.1 would allow it"},
		{"-tls1 -cipher ECDHE-RSA-AES256-SHA:@SECLEVEL=0", tlsterm.Options{MinVersion: "1.0"}, "ECDHE-RSA-AES256-SHA", "no_shared_version"},
		{"-tls1_3 -groups P-521", tlsterm.Options{Curves: []string{"P-521"}}, "TLS_", ""},
	} {
		t.Run(row.args, func(t *testing.T) {
			r := start(t, []string{backend.address()}, speaking(t, row.set))
			c := proxytest.StartOpenSSL(t, append([]string{"s_client", "-connect", r.srv.Addr("mqtt").String(), "-noservername"}, strings.Fields(row.args)...)...)
			c.Hears("Cipher is " + row.cipher)
			c.Hears("Verify return code")
			c.Say(string(connect311))
			c.Hears(string(connack311))
			c.Say("sent back")
			c.Hears("sent back")
			c.Say("Q")
			r.waitOutcome(outcome.ClientClosed, 1)
			if row.why == "" {
				return
			}
			strict := start(t, []string{backend.address()}, speaking(t, tlsterm.Options{}))
			proxytest.StartOpenSSL(t, append([]string{"s_client", "-connect", strict.srv.Addr("mqtt").String(), "-noservername"}, strings.Fields(row.args)...)...)
			strict.waitOutcome(outcome.HandshakeFailed, 1)
			strict.waitLine(row.why)
		})
	}
}

// Records of every suite of every old version: block ciphers, whose first byte TLS 1.0 puts into a record of its own, stream
// ciphers, and the largest records.
func TestEverySuiteRelaysAndIsNamedToTheNode(t *testing.T) {
	backend := startNode(t, nil)
	var names []string
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if suite.SupportedVersions[0] != tls.VersionTLS13 {
			names = append(names, suite.Name)
		}
	}
	r := start(t, []string{backend.address()}, speaking(t, tlsterm.Options{MinVersion: "1.0", Ciphers: names}), sendProxy(2))
	big := append([]byte("\x30\x80\x80\x10\x00\x01t"), bytes.Repeat([]byte("0123456789abcdef"), 1<<14)[:1<<18-3]...) // a PUBLISH of 256 KiB
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		for _, version := range suite.SupportedVersions {
			t.Run(tls.VersionName(version)+" "+suite.Name, func(t *testing.T) {
				before := len(backend.firstWrites())
				c := r.dialBare(r.srv.Addr("mqtt"))
				c.secure(func(config *tls.Config) {
					config.MinVersion, config.MaxVersion = version, version
					config.CipherSuites = []uint16{suite.ID}
				})
				state := c.Conn.(*tls.Conn).ConnectionState()
				c.send(connect311)
				c.expect(connack311)
				for _, part := range [][]byte{big, []byte("\xc0"), []byte("\x00")} {
					sent := make(chan error, 1)
					go func() { // ends when the relay has taken everything
						_, err := c.Write(part)
						sent <- err
					}()
					c.expect(part)
					if err := <-sent; err != nil {
						t.Fatal(err)
					}
				}
				_ = c.Close()
				gotVersion, gotCipher := sslOf(t, backend.firstWrites()[before])
				wantVersion := map[uint16]string{tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[state.Version]
				if want := tlsterm.CipherName(state.CipherSuite); gotVersion != wantVersion || gotCipher != want || strings.HasPrefix(gotCipher, "0x") {
					t.Errorf("the node got %s, %s; want %s, %s", gotVersion, gotCipher, wantVersion, want)
				}
			})
		}
	}
}

// sslOf returns the version and the cipher in the PROXY header at the start of b.
func sslOf(t *testing.T, b []byte) (version, cipher string) {
	t.Helper()
	const fixed, ipv4 = 16, 12
	h, err := opening.ReadProxyHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	tlvs, err := proxyproto.SplitTLVs(b[fixed+ipv4 : h.Length])
	if err != nil {
		t.Fatal(err)
	}
	ssl, ok := tlvparse.FindSSL(tlvs)
	if !ok {
		t.Fatal("no SSL TLV")
	}
	version, _ = ssl.SSLVersion()
	cipher, _ = ssl.SSLCipher()
	return version, cipher
}

// A node that speaks only old TLS is reached once the pool names what it has, and until then the log says where.
func TestOldNodesAreReachedOnceTheirSuiteIsNamed(t *testing.T) {
	for _, row := range []struct {
		name string
		node *tls.Config
		pool tlsterm.NodeOptions
		why  string // with the default
	}{
		{"suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}, tlsterm.NodeOptions{Ciphers: []string{"AES128-SHA"}}, "pools[].tls.ciphers"},
		{"version", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, tlsterm.NodeOptions{MinVersion: "1.0"}, "pools[].tls.min_version"},
		{"curve", &tls.Config{MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}}, tlsterm.NodeOptions{Curves: []string{"X25519"}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			pair := testCA().IssueRSA("node.example")
			row.node.Certificates = []tls.Certificate{must(tls.X509KeyPair(pair.Cert, pair.Key))}
			backend := startTLSNode(t, row.node, nil)
			r := start(t, []string{backend.address()}, func(s *snapshot.Snapshot) {
				nodes := s.Listeners[0].Pool.Nodes()
				row.pool.CA, row.pool.Hosts = proxytest.TempFile(t, "ca.pem", testCA().Cert), map[string]string{nodes[0].Name: "node.example"}
				s.Listeners[0].Pool.TLS = snapshot.NewNodeTLS(must(tlsterm.NewOriginator(row.pool)), nodes)
			})
			c := r.dial()
			c.send(connect311)
			c.expect(connack311)
			_ = c.Close()
			if row.why == "" {
				return
			}
			strict := startToTLS(t, []string{backend.address()})
			refused := strict.dial()
			refused.send(connect311)
			refused.rest()
			strict.waitLine(row.why)
		})
	}
}
