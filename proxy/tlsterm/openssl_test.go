package tlsterm

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// sClient is an openssl s_client connected to the test.
type sClient struct {
	*proxytest.OpenSSL
	raw net.Conn // the server's end
}

// startOpenSSL starts s_client with args.
func startOpenSSL(t *testing.T, args ...string) sClient {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := proxytest.StartOpenSSL(t, append([]string{"s_client", "-connect", ln.Addr().String()}, args...)...)
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return sClient{c, raw}
}

// accept makes the server's side of the handshake with c.
func (c *sClient) accept(t *testing.T, config *tls.Config) (*detached, error) {
	t.Helper()
	s, err := Accept(t.Context(), c.raw, config)
	if err != nil {
		return nil, err
	}
	s.Detach()
	c.raw.SetDeadline(time.Now().Add(patience))
	return &detached{Session: s, raw: c.raw}, nil
}

// until feeds d from the connection until text has been decrypted or an error occurs.
func (d *detached) until(t *testing.T, text string) error {
	t.Helper()
	var all strings.Builder
	for {
		plain, err := d.drain(t)
		all.Write(plain)
		if out := d.Owed(nil); len(out) > 0 {
			if _, err := d.raw.Write(out); err != nil {
				t.Fatal(err)
			}
		}
		if err != ErrWouldBlock || text != "" && strings.Contains(all.String(), text) {
			return err
		}
		b := make([]byte, 4096)
		n, err := d.raw.Read(b)
		if err != nil {
			t.Fatalf("after %q: %v", all.String(), err)
		}
		d.Feed(b[:n])
	}
}

func TestKeyUpdateOfOpenSSL(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	c := startOpenSSL(t, "-tls1_3", "-servername", "broker.example")
	d, err := c.accept(t, s.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one", "two", "three"} {
		c.Say(word)
		if err := d.until(t, word); err != ErrWouldBlock {
			t.Fatal(err)
		}
		out, err := d.Seal(nil, []byte("answer to "+word+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.raw.Write(out); err != nil {
			t.Fatal(err)
		}
		c.Hears("answer to " + word)
		c.Say("K") // new keys, also asking for new ones from us
		c.Hears("KEYUPDATE")
	}
	c.Say("Q")
	if err := d.until(t, ""); err != io.EOF {
		t.Errorf("after close_notify: %v", err)
	}
}

// Each request for new keys causes an answer. If the client reads none, the answers must not
// pile up.
func TestClientThatAsksForKeysWithoutEndIsLetGo(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	c := startOpenSSL(t, "-tls1_3")
	d, err := c.accept(t, s.Config())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	for updates := 0; ; updates++ {
		if updates > maxOwed/16 {
			t.Fatal("no error")
		}
		c.Say("K")
		c.Hears("KEYUPDATE")
		c.Say("x") // data between the updates avoids crypto/tls's own limit
		for got := 0; got == 0; {
			n, err := d.raw.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			d.Feed(b[:n])
			plain, err := d.drain(t)
			if err == ErrOwed {
				return
			}
			if err != ErrWouldBlock {
				t.Fatal(err)
			}
			got += len(plain)
		}
	}
}

// crypto/tls's server never agrees to a renegotiation (RFC 5746, 4.4).
func TestRenegotiationIsRefused(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	c := startOpenSSL(t, "-tls1_2")
	d, err := c.accept(t, s.Config())
	if err != nil {
		t.Fatal(err)
	}
	c.Say("one")
	if err := d.until(t, "one"); err != ErrWouldBlock {
		t.Fatal(err)
	}
	c.Say("R")
	if err := d.until(t, ""); err == nil || err == ErrWouldBlock || err == io.EOF {
		t.Errorf("got %v", err)
	}
}

func TestOpenSSLSeesVersionsCiphersAndNames(t *testing.T) {
	ca := proxytest.NewCA("ca")
	root := proxytest.TempFile(t, "ca.pem", ca.Cert)
	s := server(t, ca, func(o *Options) { o.Protocols = []string{"mqtt"} })
	verify := []string{"-CAfile", root, "-servername", "broker.example", "-verify_hostname", "broker.example", "-verify_return_error"}
	for _, row := range []struct {
		args []string
		want Reason
		hear string
	}{
		{[]string{"-tls1_3"}, "", "Verification: OK"},
		{[]string{"-tls1_2"}, "", "Verification: OK"},
		{[]string{"-tls1_3", "-alpn", "mqtt"}, "", "ALPN protocol: mqtt"},
		{[]string{"-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"}, "", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{[]string{"-alpn", "h2"}, NoSharedProtocol, "no application protocol"},
		{[]string{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, NoSharedVersion, "protocol version"},
		{[]string{"-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"}, NoSharedCipher, "handshake failure"},
		{[]string{"-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"}, NoSharedCipher, "handshake failure"},
		{[]string{"-verify_hostname", "other.example"}, ClientRefused, "ostname mismatch"},
	} {
		t.Run(strings.Join(row.args, " "), func(t *testing.T) {
			c := startOpenSSL(t, append(verify, row.args...)...)
			d, err := c.accept(t, s.Config())
			if row.want != "" {
				reasonIs(t, handshakeResult{err: err}, row.want)
			} else if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				c.raw.Close()
			}
			c.Hears(row.hear)
		})
	}
}
