package tlsterm

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// firstFlight returns the first flight of a crypto/tls client with config.
func firstFlight(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go func() { // ends with the pipe
		_ = tls.Client(client, config).Handshake()
	}()
	b := make([]byte, 1<<16)
	n, err := server.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func TestServerNameIsReadFromEveryBeginning(t *testing.T) {
	for _, c := range []struct {
		config *tls.Config
		want   string
	}{
		{&tls.Config{ServerName: "broker.example.com"}, "broker.example.com"},
		{&tls.Config{ServerName: "a.b", MaxVersion: tls.VersionTLS12}, "a.b"},
		{&tls.Config{InsecureSkipVerify: true}, ""},
	} {
		hello := firstFlight(t, c.config)
		for n := range hello {
			if name, err := ServerName(hello[:n]); err != ErrShort {
				t.Fatalf("%q: the first %d bytes of %d give %q, %v", c.want, n, len(hello), name, err)
			}
		}
		if name, err := ServerName(append(hello, "more"...)); name != c.want || err != nil {
			t.Errorf("%q reads as %q, %v", c.want, name, err)
		}
	}
}

func TestServerNameRefusesWhatIsNoTLS(t *testing.T) {
	for _, b := range []string{
		"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02c1",
		"GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\x00\x04\x02\x00\x00\x00",                   // a ServerHello
		"\x16\x03\x01\xff\xff" + strings.Repeat("\x01", 0x10000), // a record over the limit
	} {
		var failed *HandshakeError
		if name, err := ServerName([]byte(b)); !errors.As(err, &failed) {
			t.Errorf("%.20q reads as %q, %v", b, name, err)
		}
	}
}

// helloWith returns a ClientHello with these SNI extensions, in records of at most so many bytes.
func helloWith(record int, sni ...string) []byte {
	vector := func(size int, s string) string {
		return string([]byte{byte(len(s) >> 16), byte(len(s) >> 8), byte(len(s))}[3-size:]) + s
	}
	extensions := "\x0a\x0a" + vector(2, "\x00") // GREASE (RFC 8701)
	for _, content := range sni {
		extensions += "\x00\x00" + vector(2, content)
	}
	extensions += "\x00\x2b" + vector(2, "\x02\x03\x04")
	body := "\x03\x03" + strings.Repeat("r", 32) + vector(1, "session") + vector(2, "\x13\x01") + vector(1, "\x00") + vector(2, extensions)
	rest, all := "\x01"+vector(3, body), ""
	for len(rest) > 0 {
		n := min(record, len(rest))
		all += "\x16\x03\x01" + vector(2, rest[:n])
		rest = rest[n:]
	}
	return []byte(all)
}

// nameList returns the content of an SNI extension with these host names.
func nameList(names ...string) string {
	list := ""
	for _, name := range names {
		list += "\x00" + string([]byte{byte(len(name) >> 8), byte(len(name))}) + name
	}
	return string([]byte{byte(len(list) >> 8), byte(len(list))}) + list
}

// What RFC 6066 forbids and clients send is for the node to judge, unless it can be read in two ways.
func TestServerNameIsReadAsItIsWritten(t *testing.T) {
	long := strings.Repeat("a.", 1000) + "example"
	for _, c := range []struct {
		sni    []string
		want   string
		reason Reason
	}{
		{nil, "", ""},
		{[]string{nameList("a.example")}, "a.example", ""},
		{[]string{nameList("host.")}, "host.", ""},
		{[]string{nameList("10.0.0.1")}, "10.0.0.1", ""},
		{[]string{nameList("2001:db8::1")}, "2001:db8::1", ""},
		{[]string{nameList("my_broker.local")}, "my_broker.local", ""},
		{[]string{nameList("b\u00fccher.example")}, "b\u00fccher.example", ""},
		{[]string{nameList("\xff\x00")}, "\xff\x00", ""},
		{[]string{nameList(long)}, long, ""},
		{[]string{nameList("")}, "", ""},
		{[]string{nameList()}, "", ""},
		{[]string{""}, "", ""},
		{[]string{"\x00\x04\x07\x00\x01x"}, "", ""}, // a name of another type
		{[]string{nameList("a.example", "b.example")}, "", BadName},
		{[]string{nameList("a.example"), nameList("a.example")}, "", BadName},
		{[]string{nameList("a.example"), ""}, "", BadName},
		{[]string{"\x00\x09\x00\x00\x06a"}, "", Protocol},
		{[]string{"\x00\x04\x00\x00\x06a"}, "", Protocol},
		{[]string{"\x00"}, "", Protocol},
	} {
		for _, record := range []int{1 << 14, 7, 1} {
			b := helloWith(record, c.sni...)
			for n := range b {
				if name, err := ServerName(b[:n]); err != ErrShort {
					t.Fatalf("%.40q: the first %d bytes of %d give %q, %v", c.sni, n, len(b), name, err)
				}
				if n > 300 {
					break
				}
			}
			name, err := ServerName(append(b, "more"...))
			var failed *HandshakeError
			if errors.As(err, &failed) != (c.reason != "") || c.reason != "" && failed.Reason != c.reason || name != c.want {
				t.Errorf("%.40q in records of %d reads as %.40q, %v", c.sni, record, name, err)
			}
		}
	}
}

// crypto/tls refuses some names as it refuses nonsense. The error says which name it was, and what is wrong with it.
func TestANameThatIsRefusedIsNamed(t *testing.T) {
	s := server(t, proxytest.NewCA("ca"), nil)
	for _, c := range []struct {
		sni  []string
		want string
	}{
		{[]string{nameList("host.")}, `bad_name: the client's SNI is "host.": its last dot is forbidden (RFC 6066, 3), and crypto/tls refuses it`},
		{[]string{nameList("")}, "bad_name: the client's SNI is empty, which is forbidden (RFC 6066, 3), and crypto/tls refuses it"},
		{[]string{""}, "bad_name: the client's SNI is empty"},
		{[]string{nameList("a.example", "b.example")}, "bad_name: the client's SNI has several names"},
		{[]string{nameList("a.example"), nameList("b.example")}, "bad_name: the client's SNI has several names"},
		{[]string{"\x00\x09\x00\x00\x06a"}, "protocol: "},
		{[]string{nameList("10.0.0.1")}, "no_shared_curve: "}, // accepted: the rest of this ClientHello is not
	} {
		for _, record := range []int{1 << 14, 10} {
			client, conn := net.Pipe()
			answer := make(chan []byte)
			go func() { // ends with the pipe
				b, _ := io.ReadAll(client)
				answer <- b
			}()
			g := NewGate(0, 0, 0)
			_, err := g.Accept(t.Context(), helloWith(record, c.sni...), func() (net.Conn, error) { return conn, nil }, s.Config())
			_ = conn.Close()
			alert := <-answer
			_ = client.Close()
			if err == nil || !strings.HasPrefix(err.Error(), "TLS handshake: "+c.want) {
				t.Errorf("%q: %v", c.sni, err)
			}
			if len(alert) != 7 || alert[0] != 21 || alert[5] != 2 {
				t.Errorf("%q is answered %q, want a fatal alert", c.sni, alert)
			}
		}
	}
}

func FuzzServerName(f *testing.F) {
	f.Add(helloWith(9, nameList("a", "b.")))
	f.Add(helloWith(1<<14, nameList("host")))
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, err := ServerName(b)
		if err != nil && name != "" {
			t.Errorf("%q with %v", name, err)
		}
		if err != nil && err != ErrShort { // more bytes do not change a verdict
			if _, again := ServerName(append(b[:len(b):len(b)], 0x16, 3, 1)); again == nil {
				t.Errorf("%q is refused and read when it goes on", b)
			}
		}
		var scanner HelloScanner
		if theirs, ok := nameOfCryptoTLS(b); ok && scanner.Whole(b) && !scanner.Wrong() && (err != nil || name != theirs) {
			t.Errorf("%q reads as %q, %v; crypto/tls reads %q", b, name, err, theirs)
		}
	})
}

// nameOfCryptoTLS returns the name that crypto/tls finds in a ClientHello; not ok: it refuses the message, or there is more
// to come.
func nameOfCryptoTLS(b []byte) (name string, ok bool) {
	client, server := net.Pipe()
	go func() { // ends with the pipe
		_, _ = client.Write(b)
		_ = client.Close()
	}()
	defer server.Close()
	_ = tls.Server(silent{server}, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name, ok = hello.ServerName, true
			return nil, errors.New("that is all")
		},
	}).Handshake()
	return name, ok
}

// silent is a connection that drops what is written to it.
type silent struct{ net.Conn }

func (silent) Write(b []byte) (int, error) { return len(b), nil }
