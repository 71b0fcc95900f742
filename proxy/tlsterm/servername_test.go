package tlsterm

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
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

func FuzzServerName(f *testing.F) {
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
	})
}
