package bench

import (
	"bytes"
	"encoding/binary"
)

var (
	proxyV1 = []byte("PROXY ")
	proxyV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// maxProxyV1 is the length of the longest line of version 1, with its CRLF (section 2.1
// of the PROXY protocol's specification).
const maxProxyV1 = 107

// skipProxy returns the length of the PROXY header at the start of b, 0 if there is none.
// ok is false if more bytes are needed. The stub ignores the addresses.
func skipProxy(b []byte) (n int, ok bool) {
	switch {
	case bytes.HasPrefix(b, proxyV1):
		if i := bytes.Index(b[:min(len(b), maxProxyV1)], []byte("\r\n")); i >= 0 {
			return i + 2, true
		}
		return 0, len(b) >= maxProxyV1 // too long: it is read as MQTT, and refused
	case bytes.HasPrefix(b, proxyV2):
		if len(b) < 16 {
			return 0, false
		}
		n := 16 + int(binary.BigEndian.Uint16(b[14:]))
		return n, len(b) >= n
	}
	return 0, !bytes.HasPrefix(proxyV1, b) && !bytes.HasPrefix(proxyV2, b)
}
