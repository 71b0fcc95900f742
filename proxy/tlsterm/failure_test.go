package tlsterm

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// The reasons for client certificates and names have their own tests.
func TestFailedHandshakesHaveAReason(t *testing.T) {
	ca, stranger := proxytest.NewCA("ca"), proxytest.NewCA("stranger")
	r := ca.IssueRSA("broker.example")
	onlyRSA := func(o *Options) { o.Certificates = []CertificateFile{{Cert: r.File(t)}} }
	for _, row := range []struct {
		name   string
		server func(*Options)
		client func(*tls.Config)
		want   Reason
	}{
		{"TLS 1.1", nil, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, NoSharedVersion},
		{"TLS 1.2 for a 1.3 listener", func(o *Options) { o.MinVersion = "1.3" }, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, NoSharedVersion},
		{"CBC", nil, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, NoSharedCipher},
		{"RSA key exchange", onlyRSA, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}, NoSharedCipher},
		{"a cipher for the other kind of key", onlyRSA, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
		}, NoSharedCipher},
		{"curves", func(o *Options) { o.Curves = []string{"P-384"} }, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.X25519} }, NoSharedCurve},
		{"ALPN", func(o *Options) { o.Protocols = []string{"mqtt"} }, func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, NoSharedProtocol},
		{"ALPN, TLS 1.2", func(o *Options) { o.Protocols = []string{"mqtt"} },
			func(c *tls.Config) { c.NextProtos, c.MaxVersion = []string{"h2"}, tls.VersionTLS12 }, NoSharedProtocol},
		{"the client does not believe", nil, func(c *tls.Config) { c.RootCAs = stranger.Pool() }, ClientRefused},
		{"the client does not believe, TLS 1.2", nil, func(c *tls.Config) { c.RootCAs, c.MaxVersion = stranger.Pool(), tls.VersionTLS12 }, ClientRefused},
		{"the client wants another name", nil, func(c *tls.Config) { c.ServerName = "other.example" }, ClientRefused},
		{"no ALPN is fine", func(o *Options) { o.Protocols = []string{"mqtt"} }, func(*tls.Config) {}, ""},
		{"one of the ALPN is fine", func(o *Options) { o.Protocols = []string{"mqtt"} }, func(c *tls.Config) { c.NextProtos = []string{"x", "mqtt"} }, ""},
		{"a CBC suite that was asked for", func(o *Options) { o.Ciphers = []string{"ECDHE-ECDSA-AES128-SHA"} }, func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			config := client(ca)
			row.client(config)
			m := handshake(t, server(t, ca, row.server).Config(), config)
			if row.want == "" {
				if m.err != nil {
					t.Error(m.err)
				}
				return
			}
			reasonIs(t, m, row.want)
			var failed *HandshakeError
			if errors.As(m.err, &failed) && failed.ServerName != config.ServerName {
				t.Errorf("the error has the name %q", failed.ServerName)
			}
		})
	}
}

func TestWhatIsNotTLSHasAReasonOfItsOwn(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	hello := clientHello(t)
	for _, row := range []struct {
		bytes string
		want  Reason
		text  string
	}{
		{"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", NotTLS, "does not look like a TLS handshake"},
		{"GET / HTTP/1.1\r\n\r\n", NotTLS, "does not look like a TLS handshake"},
		{"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", NotTLS, "does not look like a TLS handshake"},
		{"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c", NotTLS, "does not look like a TLS handshake"},
		{"\x00\x00\x00\x00\x00", NotTLS, "does not look like a TLS handshake"},
		{"\x80\x2e\x01\x00\x02", NotTLS, "SSLv2"},
		{"", ClientGone, "EOF"},
		{"\x16\x03", ClientGone, "EOF"},
		{hello[:len(hello)/2], ClientGone, "EOF"},
		{hello[:5] + "\x02" + hello[6:], Protocol, ""},          // a ServerHello
		{"\x16\x03\x01\x00\x04\x01\xff\xff\xff", TooLong, ""},   // a ClientHello of 16 MB
		{"\x16\x03\x01\xff\xff", Protocol, "oversized record"},  // a record of 64 KB
		{"\x15\x03\x01\x00\x02\x02\x28", ClientAlert, "remote"}, // handshake_failure
		{strings.Repeat("\x15\x03\x01\x00\x02\x01\x5a", 20), Protocol, "too many ignored records"},
	} {
		client, raw := connect(t)
		if _, err := client.Write([]byte(row.bytes)); err != nil {
			t.Fatal(err)
		}
		if err := client.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, err := Accept(t.Context(), raw, s.Config())
		reasonIs(t, handshakeResult{err: err}, row.want)
		if err != nil && !strings.Contains(err.Error(), row.text) {
			t.Errorf("got %q, want %q in it", err, row.text)
		}
	}
}

// clientHello returns the first record of a client.
func clientHello(t testing.TB) string {
	t.Helper()
	near, far := net.Pipe()
	go func() { // ends with the pipe
		_ = tls.Client(near, &tls.Config{ServerName: "broker.example"}).Handshake()
	}()
	defer near.Close()
	defer far.Close()
	b := make([]byte, 5)
	if _, err := io.ReadFull(far, b); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, int(b[3])<<8|int(b[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		t.Fatal(err)
	}
	return string(b) + string(body)
}

func TestHandshakeEndsInTimeAndLeavesTheConnectionOpen(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	for _, want := range []Reason{Timeout, Canceled} {
		client, raw := connect(t)
		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		if want == Canceled {
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
		}
		_, err := Accept(ctx, raw, s.Config())
		cancel()
		reasonIs(t, handshakeResult{err: err}, want)
		raw.SetDeadline(time.Time{})
		if _, err := raw.Write([]byte("x")); err != nil {
			t.Errorf("%s: the connection is closed: %v", want, err)
		}
		if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Neither a ClientHello of 64 KiB in small pieces nor a second one after a HelloRetryRequest may go on without
// end.
func TestHandshakeHasALimitInBytes(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	client, raw := connect(t)
	go func() { // ends with the connection
		b := []byte("\x16\x03\x01\x40\x00\x01\x00\xff\xfc")
		b = append(b, make([]byte, 0x4000-4)...)
		for range 3 {
			b = append(b, append([]byte("\x16\x03\x01\x40\x00"), make([]byte, 0x4000)...)...)
		}
		_, _ = client.Write(b)
	}()
	_, err := Accept(t.Context(), raw, s.Config())
	reasonIs(t, handshakeResult{err: err}, TooLong)
}

func TestReasonsAreListed(t *testing.T) {
	list := Reasons()
	for _, w := range errorTexts {
		if !slices.Contains(list, w.reason) {
			t.Errorf("%s is not in the list", w.reason)
		}
	}
	slices.Sort(list)
	if len(slices.Compact(list)) != len(Reasons()) {
		t.Error("two reasons are the same")
	}
}
