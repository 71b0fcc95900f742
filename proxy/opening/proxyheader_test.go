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
	// The names of Unix sockets are not addresses, UNSPEC has none, and of LOCAL nothing counts.
	v2("\x21\x31", strings.Repeat("\x00", 216)):                  "invalid AddrPort",
	v2("\x21\x31", strings.Repeat("\x00", 216)+"\x05\x00\x02id"): "invalid AddrPort",
	v2("\x21\x00", ""):                                           "invalid AddrPort",
	v2("\x21\x00", "\x05\x00\x02id"):                             "invalid AddrPort",
	v2("\x20\x00", "\x05\x00"):                                   "invalid AddrPort",
	v2("\x20\x11", ""):                                           "invalid AddrPort",
	v2("\x20\x12", "\xc0\x00\x02\x07"):                           "invalid AddrPort",
	v2("\x20\x21", strings.Repeat("\xff", 40)):                   "invalid AddrPort",
	"PROXY UNKNOWN anything at all\r\n":                          "invalid AddrPort",
	"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n":             "0.0.0.0:0",
	"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::9 40000 1883\r\n":     "192.0.2.7:40000",
	"PROXY TCP6 " + longest + " " + longest + " 65535 65535\r\n": "[" + longest + "]:65535",
}

const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"

func v2(command, rest string) string {
	return "\r\n\r\n\x00\r\nQUIT\n" + command + string([]byte{byte(len(rest) >> 8), byte(len(rest))}) + rest
}

func TestProxyHeaderReaderReadsEveryForm(t *testing.T) {
	for header, source := range headers {
		h, err := ReadProxyHeader([]byte(header + "\x10\x0e"))
		local := strings.HasPrefix(header, v2("\x20", "")[:13])
		if err != nil || h.Length != len(header) || h.Source.String() != source || h.Local != local {
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

// Each fault of a header has its own message, and is found at the byte that it is about.
func TestEachFaultOfAProxyHeaderHasItsMessage(t *testing.T) {
	line := func(rest string) string { return "PROXY " + rest + "\r\n" }
	ipv4 := "\xc0\x00\x02\x07\xc0\x00\x02\x09\x9c\x40\x07\x5b"
	for want, b := range map[string]string{
		"no PROXY header":                                                                                               "\x10\x0e\x00\x04MQTT",
		"PROXY v1: no CRLF in the first 107 bytes":                                                                      "PROXY UNKNOWN " + strings.Repeat("x", 107-14),
		"PROXY v1: the line ends with LF in place of CRLF":                                                              "PROXY TCP4 192.0.2.7 192.0.2.9 40000 1883\n",
		`PROXY v1: the family is "TCP5" in place of TCP4, TCP6 or UNKNOWN`:                                              line("TCP5 192.0.2.7 192.0.2.9 40000 1883"),
		`PROXY v1: the family is "UDP4" in place of TCP4, TCP6 or UNKNOWN`:                                              line("UDP4 192.0.2.7 192.0.2.9 40000 1883"),
		`PROXY v1: the family is "" in place of TCP4, TCP6 or UNKNOWN`:                                                  line(""),
		"PROXY v1: 5 fields in place of 6: PROXY, the family, two addresses and two ports, with one space between them": line("TCP4 192.0.2.7 192.0.2.9 40000"),
		"PROXY v1: 7 fields in place of 6: PROXY, the family, two addresses and two ports, with one space between them": line("TCP4  192.0.2.7 192.0.2.9 40000 1883"),
		`PROXY v1: the source address "192.0.2.007" is not one of TCP4`:                                                 line("TCP4 192.0.2.007 192.0.2.9 40000 1883"),
		`PROXY v1: the source address "192.0.2.7" is not one of TCP6`:                                                   line("TCP6 192.0.2.7 2001:db8::9 40000 1883"),
		`PROXY v1: the destination address "2001:db8::9" is not one of TCP4`:                                            line("TCP4 192.0.2.7 2001:db8::9 40000 1883"),
		`PROXY v1: the destination address "fe80::1%eth0" is not one of TCP6`:                                           line("TCP6 2001:db8::7 fe80::1%eth0 40000 1883"),
		`PROXY v1: the source port "040000" is not a number from 0 to 65535 without leading zeros`:                      line("TCP4 192.0.2.7 192.0.2.9 040000 1883"),
		`PROXY v1: the destination port "65536" is not a number from 0 to 65535 without leading zeros`:                  line("TCP4 192.0.2.7 192.0.2.9 40000 65536"),
		`PROXY v1: the destination port "-1" is not a number from 0 to 65535 without leading zeros`:                     line("TCP4 192.0.2.7 192.0.2.9 40000 -1"),
		`PROXY v1: the destination port "1883\r" is not a number from 0 to 65535 without leading zeros`:                 line("TCP4 192.0.2.7 192.0.2.9 40000 1883\r"),
		"PROXY v2: the version is 3 in place of 2":                                                                      v2("\x31", "")[:13],
		"PROXY v2: there is no command 2":                                                                               v2("\x22", "")[:13],
		"PROXY v2: the family 0x12 is of datagrams, and the connection is a stream":                                     v2("\x21\x12", "")[:14],
		"PROXY v2: the family 0x22 is of datagrams, and the connection is a stream":                                     v2("\x21\x22", "")[:14],
		"PROXY v2: the family 0x32 is of datagrams, and the connection is a stream":                                     v2("\x21\x32", "")[:14],
		"PROXY v2: there is no family 0x13":                                                                             v2("\x21\x13", ipv4)[:14],
		"PROXY v2: there is no family 0x41":                                                                             v2("\x20\x41", "")[:14],
		"PROXY v2: the header has more than 4096 bytes":                                                                 v2("\x21\x11", strings.Repeat("x", 4081))[:16],
		"PROXY v2: the length is 11 bytes, and the addresses of family 0x11 need 12":                                    v2("\x21\x11", ipv4[:11])[:16],
		"PROXY v2: the length is 12 bytes, and the addresses of family 0x21 need 36":                                    v2("\x21\x21", ipv4)[:16],
		"PROXY v2: the length is 215 bytes, and the addresses of family 0x31 need 216":                                  v2("\x21\x31", strings.Repeat("x", 215))[:16],
		"PROXY v2: TLV 0x05 has a length of 3 bytes, and 2 are left":                                                    v2("\x21\x11", ipv4+"\x05\x00\x03id"),
		"PROXY v2: 2 bytes behind the last TLV are too few for another":                                                 v2("\x21\x00", "\x05\x00"),
		"PROXY v2: the CRC32C TLV has 2 bytes in place of 4":                                                            v2("\x21\x31", strings.Repeat("\x00", 216)+"\x03\x00\x02id"),
	} {
		if _, err := ReadProxyHeader([]byte(b)); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", b, err, want)
		}
		if _, err := ReadProxyHeader([]byte(b)[:len(b)-1]); want != errHeaderAbsent.Error() && err != ErrHeaderShort {
			t.Errorf("%q: %v; want another byte", b[:len(b)-1], err)
		}
	}
}

func FuzzProxyHeader(f *testing.F) {
	for header := range headers {
		f.Add([]byte(header))
		f.Add([]byte(header[:len(header)/2]))
	}
	f.Add([]byte("PROXY TCP4 1 2 3 4\r\n"))
	f.Add([]byte(v2("\x21\x00", "\x03\x00\x04abcd")))
	f.Add([]byte("\x10\x0e\x00\x04MQTT"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ReadProxyHeader(b)
		if err == nil && (h.Length < 1 || h.Length > len(b) || h.Source.IsValid() != h.Destination.IsValid()) {
			t.Errorf("%+v of %d bytes", h, len(b))
		}
		if err == ErrHeaderShort && len(b) >= maxProxyHeader {
			t.Errorf("%d bytes and no end", len(b))
		}
		if err == nil && !h.Local && (len(b) < 14 || b[13] != 0) { // PROXY with UNSPEC, which it refuses
			if _, failed := readWhole(b[:h.Length]); failed != nil {
				t.Errorf("%q: no error, and the library says %v", b[:h.Length], failed)
			}
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
