package tlsterm

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// detached is a session after Detach, and its client.
type detached struct {
	*Session
	client *tls.Conn
	raw    net.Conn // the server's end, which now belongs to the test
}

func detach(t testing.TB, server, client *tls.Config) detached {
	t.Helper()
	m := mustHandshake(t, server, client)
	m.session.Detach()
	m.raw.SetDeadline(time.Now().Add(patience))
	return detached{m.session, m.client, m.raw}
}

// arrive returns at least n bytes of ciphertext from the client.
func (d *detached) arrive(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, 64<<10)
	got, err := io.ReadAtLeast(d.raw, b, n)
	if err != nil {
		t.Fatal(err)
	}
	return b[:got]
}

// drain reads until an error.
func (d *detached) drain(t testing.TB) ([]byte, error) {
	t.Helper()
	var all []byte
	plain := make([]byte, 1000)
	for {
		n, err := d.Read(plain)
		all = append(all, plain[:n]...)
		if err != nil {
			return all, err
		}
	}
}

// versions runs body with each version of TLS.
func versions(t *testing.T, body func(t *testing.T, server, client *tls.Config)) {
	ca := proxytest.NewCA("ca")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s, err := New(Options{Certificates: []CertificateFile{{Cert: ca.Issue("broker.example").File(t)}}})
			if err != nil {
				t.Fatal(err)
			}
			config := client(ca)
			config.MaxVersion = version
			body(t, s.Config(), config)
		})
	}
}

func TestRecordsMayBeSplitAtEveryByte(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		message := []byte("forty bytes and two, in each of 2 records.")
		d := detach(t, server, client)
		if _, err := d.drain(t); err != ErrWouldBlock {
			t.Fatalf("before anything has arrived: %v", err)
		}
		size := 0
		for cut := 0; ; cut++ {
			for range 2 {
				if _, err := d.client.Write(message); err != nil {
					t.Fatal(err)
				}
			}
			b := d.arrive(t, max(size, 1))
			for size == 0 && len(b) < 2*(len(message)+5+16) { // the first time: until both have arrived
				b = append(b, d.arrive(t, 1)...)
			}
			size = len(b)
			if cut > size {
				break
			}
			var got []byte
			for _, part := range [][]byte{b[:cut], b[cut:]} {
				d.Feed(part)
				plain, err := d.drain(t)
				if err != ErrWouldBlock {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				got = append(got, plain...)
			}
			if !bytes.Equal(got, append(message, message...)) {
				t.Fatalf("cut at %d: got %q", cut, got)
			}
		}
	})
}

func TestAMegabyteArrivesUnchangedInPiecesOfAnySize(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		d := detach(t, server, client)
		source := rand.NewChaCha8([32]byte{1})
		sent := make([]byte, 1<<20)
		source.Read(sent)
		random := rand.New(source)

		go func() { // ends with its write
			_, _ = d.client.Write(sent)
		}()
		var got []byte
		scratch := make([]byte, 32<<10)
		for plain := make([]byte, 7000); len(got) < len(sent); {
			n, err := d.raw.Read(scratch[:1+random.IntN(len(scratch))])
			if err != nil {
				t.Fatal(err)
			}
			cut := random.IntN(n + 1) // the second half arrives before the first is read
			d.Feed(scratch[:cut])
			d.Feed(scratch[cut:n])
			for {
				n, err := d.Read(plain[:1+random.IntN(len(plain))])
				got = append(got, plain[:n]...)
				if err == ErrWouldBlock {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if random.IntN(4) == 0 { // the node is slow, and the scratch buffer is reused
					d.Hold()
					source.Read(scratch)
				}
			}
		}
		if !bytes.Equal(got, sent) {
			t.Error("what arrived is not what was sent")
		}

		back := make(chan []byte)
		go func() { // ends when everything has arrived
			b := make([]byte, len(sent))
			_, _ = io.ReadFull(d.client, b)
			back <- b
		}()
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(50000))
			out, err := d.Seal([]byte(nil), rest[:n])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			if _, err := d.raw.Write(out); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(<-back, sent) {
			t.Error("what the client got is not what was sent")
		}
	})
}

// A client may send its CONNECT with the end of its handshake, and crypto/tls may have read the
// CONNECT already.
func TestWhatCameWithTheHandshakeIsKept(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		c, raw := connect(t)
		hold := &corked{Conn: c}
		over := make(chan error, 1)
		go func() { // ends with its write
			conn := tls.Client(hold, client)
			err := conn.Handshake()
			if err == nil && conn.ConnectionState().Version == tls.VersionTLS12 {
				hold.pour() // in TLS 1.2 the server's message is the last one: nothing can be sent with the handshake
			}
			if err == nil {
				_, err = conn.Write([]byte("CONNECT"))
			}
			if err == nil {
				_, err = conn.Write([]byte("SUBSCRIBE"))
			}
			hold.pour()
			over <- err
		}()
		s, err := Accept(t.Context(), raw, server)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		s.Detach()
		d := detached{Session: s, raw: raw}
		raw.SetDeadline(time.Now().Add(patience))
		got, err := d.drain(t)
		for len(got) < len("CONNECTSUBSCRIBE") && err == ErrWouldBlock {
			d.Feed(d.arrive(t, 1))
			var more []byte
			more, err = d.drain(t)
			got = append(got, more...)
		}
		if string(got) != "CONNECTSUBSCRIBE" || err != ErrWouldBlock {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// corked delays all writes after the first one, the ClientHello, until pour is called.
type corked struct {
	net.Conn
	kept  []byte
	hello bool
}

func (c *corked) Write(b []byte) (int, error) {
	if !c.hello {
		c.hello = true
		return c.Conn.Write(b)
	}
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// Read pours first if the server waits for an answer: in TLS 1.2 the client sends before it reads again.
func (c *corked) Read(b []byte) (int, error) {
	c.pour()
	return c.Conn.Read(b)
}

func (c *corked) pour() {
	_, _ = c.Conn.Write(c.kept)
	c.kept = nil
}

// The WebSocket upgrade is read from Conn, and the bytes after it after Detach.
func TestWhatConnHasLeftIsReadAfterDetach(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		m := mustHandshake(t, server, client)
		sent := bytes.Repeat([]byte("0123456789"), 500)
		if _, err := m.client.Write(sent); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 10)
		if _, err := io.ReadFull(m.session.Conn(), first); err != nil {
			t.Fatal(err)
		}
		got := bytes.Clone(first)
		m.session.Detach()
		d := detached{m.session, m.client, m.raw}
		m.raw.SetDeadline(time.Now().Add(patience))
		for len(got) < len(sent) {
			plain, err := d.drain(t)
			got = append(got, plain...)
			if err != ErrWouldBlock {
				t.Fatal(err)
			}
			if len(got) < len(sent) {
				d.Feed(d.arrive(t, 1))
			}
		}
		if !bytes.Equal(got, sent) {
			t.Error("what came is not what was sent")
		}
	})
}

func TestHalfCloseTravelsBothWays(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		d := detach(t, server, client)
		// The client closes its side; ours continues.
		if _, err := d.client.Write([]byte("last")); err != nil {
			t.Fatal(err)
		}
		if err := d.client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		d.client.NetConn().(*net.TCPConn).CloseWrite()
		b, err := io.ReadAll(d.raw)
		if err != nil {
			t.Fatal(err)
		}
		d.Feed(b)
		d.FeedEOF()
		if got, err := d.drain(t); string(got) != "last" || err != io.EOF {
			t.Errorf("got %q, %v, want last and EOF", got, err)
		}
		out, err := d.Seal(nil, []byte("answer"))
		if err != nil {
			t.Fatal(err)
		}
		out = d.CloseNotify(out)
		if again := d.CloseNotify(nil); len(again) != 0 {
			t.Errorf("a second close_notify: %x", again)
		}
		if _, err := d.Seal(nil, []byte("too late")); err == nil {
			t.Error("sealed after close_notify")
		}
		if _, err := d.raw.Write(out); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(d.client); string(got) != "answer" || err != nil {
			t.Errorf("the client got %q, %v", got, err)
		}
	})
}

func TestServersHalfCloseLetsTheClientGoOn(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		d := detach(t, server, client)
		if _, err := d.raw.Write(d.CloseNotify(nil)); err != nil {
			t.Fatal(err)
		}
		if n, err := d.client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("the client got %d, %v", n, err)
		}
		if _, err := d.client.Write([]byte("still here")); err != nil {
			t.Fatal(err)
		}
		d.Feed(d.arrive(t, len("still here")+5+16))
		if got, err := d.drain(t); string(got) != "still here" || err != ErrWouldBlock {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestEndWithoutCloseNotifyIsTold(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		for _, cut := range []int{0, 5, 1} { // how many bytes to cut from the end of the record
			d := detach(t, server, client)
			if _, err := d.client.Write([]byte("message")); err != nil {
				t.Fatal(err)
			}
			b := d.arrive(t, len("message")+5+16)
			d.Feed(b[:len(b)-cut])
			d.FeedEOF()
			want := "message"
			if cut > 0 {
				want = ""
			}
			if got, err := d.drain(t); string(got) != want || err != io.ErrUnexpectedEOF {
				t.Errorf("%d bytes cut off: got %q, %v", cut, got, err)
			}
		}
	})
}

func TestChangedByteEndsTheSessionWithAnAlert(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		d := detach(t, server, client)
		if _, err := d.client.Write([]byte("message")); err != nil {
			t.Fatal(err)
		}
		b := d.arrive(t, len("message")+5+16)
		b[len(b)-1] ^= 1
		d.Feed(b)
		_, err := d.drain(t)
		if err == nil || err == ErrWouldBlock || errors.Is(err, io.EOF) {
			t.Fatalf("got %v", err)
		}
		if _, again := d.drain(t); again == nil || again == ErrWouldBlock {
			t.Errorf("read again: %v", again)
		}
		out := d.CloseNotify(nil)
		if _, err := d.raw.Write(out); err != nil {
			t.Fatal(err)
		}
		if _, err := d.client.Read(make([]byte, 1)); err == nil || err.Error() != "remote error: tls: bad record MAC" {
			t.Errorf("the client got %v", err)
		}
	})
}

func TestAlertOfTheClientEndsTheSession(t *testing.T) {
	versions(t, func(t *testing.T, server, client *tls.Config) {
		d := detach(t, server, client)
		// crypto/tls's client answers a record that cannot be decrypted with an alert.
		kind := []byte{23, 3, 3, 0, 40}
		if _, err := d.raw.Write(append(kind, make([]byte, 40)...)); err != nil {
			t.Fatal(err)
		}
		if _, err := d.client.Read(make([]byte, 1)); err == nil {
			t.Fatal("the client has decrypted it")
		}
		d.Feed(d.arrive(t, 7))
		var remote *net.OpError
		if _, err := d.drain(t); !errors.As(err, &remote) || remote.Op != "remote error" {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzFeed feeds any bytes, as an attacker between client and balancer could send them. The result must be an
// error in bounded memory, and no panic.
func FuzzFeed(f *testing.F) {
	f.Add([]byte{23, 3, 3, 0, 1, 0})
	f.Add([]byte{21, 3, 3, 0, 2, 1, 0})
	f.Add([]byte{20, 3, 3, 0, 1, 1, 20, 3, 3, 0, 1, 1})
	f.Add([]byte{22, 3, 3, 0x40, 0x11, 1})
	f.Add([]byte("\x10\x0c\x00\x04MQTT"))
	ca := proxytest.NewCA("ca")
	s, err := New(Options{Certificates: []CertificateFile{{Cert: ca.Issue("broker.example").File(f)}}})
	if err != nil {
		f.Fatal(err)
	}
	config := client(ca)
	f.Fuzz(func(t *testing.T, b []byte) {
		d := detach(t, s.Config(), config)
		for _, piece := range [][]byte{b[:len(b)/2], b[len(b)/2:]} {
			d.Feed(piece)
			plain, err := d.drain(t)
			if len(plain) > 0 {
				t.Fatalf("%x was read from what no client has sealed", plain)
			}
			if err != ErrWouldBlock {
				break
			}
		}
		if len(d.CloseNotify(nil)) > maxOwed {
			t.Error("more owed than may be")
		}
		d.client.NetConn().Close()
		d.raw.Close()
	})
}
