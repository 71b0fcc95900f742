package opening

import (
	"net"
	"strings"
	"testing"

	"github.com/pires/go-proxyproto"
)

// headers are whole PROXY headers, and the client that they name.
var headers = map[string]string{
	"PROXY TCP4 192.0.2.7 192.0.2.9 40000 1883\r\n":     "192.0.2.7:40000",
	"PROXY TCP6 2001:db8::7 2001:db8::9 40000 1883\r\n": "[2001:db8::7]:40000",
	"PROXY UNKNOWN\r\n": "invalid AddrPort",
	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n": "invalid AddrPort",
	v2("\x20\x00", ""): "invalid AddrPort",
	v2("\x20\x11", "\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b"):                                                       "invalid AddrPort",
	v2("\x21\x11", "\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b"):                                                       "192.0.2.7:40000",
	v2("\x21\x11", "\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b\x04\x00\x01x\x05\x00\x02id"):                            "192.0.2.7:40000",
	v2("\x21\x11", "\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b\x04\x07\xd0"+strings.Repeat("x", 2000)):                 "192.0.2.7:40000",
	v2("\x21\x21", strings.Repeat("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07", 2)+"\x9c\x40\x07\x5b"): "[2001:db8::7]:40000",
	v2("\x21\x31", strings.Repeat("\x00", 216)):                                                                              "invalid AddrPort", // the names of a Unix socket are not addresses
}

func v2(command, rest string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + command + string([]byte{byte(len(rest) >> 8), byte(len(rest))}) + rest
}

func TestProxyHeaderReaderReadsEveryForm(t *testing.T) {
	for header, source := range headers {
		h, err := ReadProxyHeader([]byte(header + "\x10\x0e"))
		if err != nil || h.Length != len(header) || h.Source.String() != source {
			t.Errorf("%q: %+v, %v; want %s and %d bytes", header, h, err, source, len(header))
		}
	}
}

func TestProxyHeaderReaderWantsMoreOfEveryTruncation(t *testing.T) {
	for header := range headers {
		for i := range len(header) {
			if _, err := ReadProxyHeader([]byte(header[:i])); err != ErrHeaderShort {
				t.Errorf("%q: %v", header[:i], err)
			}
		}
	}
}

func TestProxyHeaderReaderFailsAtTheFirstWrongByte(t *testing.T) {
	for _, b := range []string{"\x10", "PROXZ", "PX", "\r\n\r\n\x00\r\nQUIX", "\r\nx", "PROXY TCP4 " + strings.Repeat(" ", 107)} {
		if _, err := ReadProxyHeader([]byte(b)); err == nil || err == ErrHeaderShort {
			t.Errorf("%q: %v", b, err)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	for header := range headers {
		f.Add([]byte(header))
		f.Add([]byte(header[:len(header)/2]))
	}
	f.Add([]byte("PROXY TCP4 1 2 3 4\r\n"))
	f.Add([]byte("\x10\x0e\x00\x04MQTT"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadProxyHeader(b)
		if err == nil && (h.Length < 1 || h.Length > len(b) || h.Source.IsValid() != h.Destination.IsValid()) {
			t.Errorf("%+v of %d bytes", h, len(b))
		}
		if err == ErrHeaderShort && len(b) >= maxProxyHeader {
			t.Errorf("%d bytes and no end", len(b))
		}
		if err != nil && err != ErrHeaderShort {
			// More bytes do not change the verdict.
			if _, again := ReadProxyHeader(append(b[:len(b):len(b)], "\r\n\x00\x10"...)); again == nil {
				t.Errorf("%q is refused and accepted when it goes on", b)
			}
		}
		// This test compares headers of other senders; package proxy compares its own headers with the
		// library's.
		if err == nil && h.Source.IsValid() {
			for _, version := range []byte{1, 2} {
				out, err := proxyproto.HeaderProxyFromAddrs(version, net.TCPAddrFromAddrPort(h.Source), net.TCPAddrFromAddrPort(h.Destination)).Format()
				if err != nil {
					t.Fatalf("v%d of %+v: %v", version, h, err)
				}
				if back, err := ReadProxyHeader(out); err != nil || back.Source != h.Source || back.Destination != h.Destination {
					t.Errorf("v%d of %+v reads as %+v, %v", version, h, back, err)
				}
			}
		}
	})
}
