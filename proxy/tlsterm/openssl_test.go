package tlsterm

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// sClient is an openssl s_client on a connection to the test.
type sClient struct {
	stdin io.WriteCloser
	out   *bufio.Reader
	raw   net.Conn // the server's end
}

// startOpenSSL starts s_client with args; its standard input is what it sends, with K, R and Q at the beginning of a line as
// commands.
func startOpenSSL(t *testing.T, args ...string) sClient {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cmd := exec.Command(path, append([]string{"s_client", "-connect", ln.Addr().String()}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if err := ln.(*net.TCPListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	raw, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return sClient{stdin, bufio.NewReader(stdout), raw}
}

// accept is the server's side of the handshake with c.
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

// say types a line.
func (c *sClient) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// hears waits for a line with text in what s_client prints.
func (c *sClient) hears(t *testing.T, text string) {
	t.Helper()
	var all strings.Builder
	for {
		line, err := c.out.ReadString('\n')
		all.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("s_client has ended without %q:\n%s", text, all.String())
		}
	}
}

// until feeds d what arrives until text or an error has come out.
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
	s := server(t, newCA(t, "ca"), nil)
	c := startOpenSSL(t, "-tls1_3", "-servername", "broker.example")
	d, err := c.accept(t, s.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"one", "two", "three"} {
		c.say(t, word)
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
		c.hears(t, "answer to "+word)
		c.say(t, "K") // new keys, and new ones from us
		c.hears(t, "KEYUPDATE")
	}
	c.say(t, "Q")
	if err := d.until(t, ""); err != io.EOF {
		t.Errorf("after close_notify: %v", err)
	}
}

// Each request for new keys owes an answer; a client that reads none must not pile them up here.
func TestClientThatAsksForKeysWithoutEndIsLetGo(t *testing.T) {
	s := server(t, newCA(t, "ca"), nil)
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
		c.say(t, "K")
		c.hears(t, "KEYUPDATE")
		c.say(t, "x") // data between the updates keeps crypto/tls's own limit away
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

// crypto/tls's server never agrees to a new handshake (RFC 5746, 4.4).
func TestRenegotiationIsRefused(t *testing.T) {
	s := server(t, newCA(t, "ca"), nil)
	c := startOpenSSL(t, "-tls1_2")
	d, err := c.accept(t, s.Config())
	if err != nil {
		t.Fatal(err)
	}
	c.say(t, "one")
	if err := d.until(t, "one"); err != ErrWouldBlock {
		t.Fatal(err)
	}
	c.say(t, "R")
	if err := d.until(t, ""); err == nil || err == ErrWouldBlock || err == io.EOF {
		t.Errorf("got %v", err)
	}
}

func TestOpenSSLSeesVersionsCiphersAndNames(t *testing.T) {
	ca := newCA(t, "ca")
	root := write(t, "ca.pem", ca.pem)
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
				reasonIs(t, met{err: err}, row.want)
			} else if err != nil {
				t.Fatal(err)
			}
			if d == nil {
				c.raw.Close()
			}
			c.hears(t, row.hear)
		})
	}
}
