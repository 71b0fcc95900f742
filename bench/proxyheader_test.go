package bench

import (
	"net"
	"slices"
	"testing"

	"github.com/pires/go-proxyproto"
)

func TestProxyHeadersAreSkippedWhole(t *testing.T) {
	v4 := func(s string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(s), Port: 1883} }
	for _, version := range []byte{1, 2} {
		for _, pair := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}} {
			header, err := proxyproto.HeaderProxyFromAddrs(version, v4(pair[0]), v4(pair[1])).Format()
			if err != nil {
				t.Fatal(err)
			}
			b := slices.Concat(header, []byte{typePingreq, 0})
			if n, ok := skipProxy(b); !ok || n != len(header) {
				t.Errorf("v%d %v: skips %d of %d bytes, %v", version, pair, n, len(header), ok)
			}
			for i := range header {
				if n, ok := skipProxy(header[:i]); ok {
					t.Errorf("v%d %v cut at %d: skips %d", version, pair, i, n)
				}
			}
		}
	}
}

func TestWhatIsNoProxyHeaderIsLeftAlone(t *testing.T) {
	for _, b := range []string{"\x10\x0e\x00\x04MQTT", "GET / HTTP/1.1\r\n", "PROXIES", "\r\n\r\n\x00\r\nQUIX", "\x16\x03\x01"} {
		if n, ok := skipProxy([]byte(b)); n != 0 || !ok {
			t.Errorf("%q: skips %d, %v", b, n, ok)
		}
	}
	long := append([]byte("PROXY "), make([]byte, 200)...)
	if n, ok := skipProxy(long); n != 0 || !ok {
		t.Errorf("a version 1 line without an end: skips %d, %v", n, ok)
	}
}
