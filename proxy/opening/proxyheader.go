package opening

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// ErrHeaderShort means that ReadProxyHeader needs more bytes.
var ErrHeaderShort = errors.New("PROXY header is not whole")

var (
	errHeaderAbsent = errors.New("no PROXY header")
	errHeaderTooBig = fmt.Errorf("PROXY header of more than %d bytes", maxProxyHeader)
)

// ProxyHeader is the content of a PROXY header. The addresses are not valid in a LOCAL or
// UNKNOWN header, which is about the proxy's own connection.
type ProxyHeader struct {
	Source, Destination netip.AddrPort
	Length              int // of the header, in bytes
}

// ReadProxyHeader parses the PROXY header, v1 or v2, at the start of b. The error is
// ErrHeaderShort if more bytes are needed. Any other error is final and is returned at
// the first wrong byte.
func ReadProxyHeader(b []byte) (ProxyHeader, error) {
	n, err := headerLength(b)
	if err != nil {
		return ProxyHeader{}, err
	}
	// The library needs the whole header.
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:n]), n))
	if err != nil {
		return ProxyHeader{}, err
	}
	out := ProxyHeader{Length: n}
	if h.Command.IsLocal() {
		return out, nil
	}
	if source, destination, ok := h.TCPAddrs(); ok {
		out.Source, out.Destination = addrPort(source), addrPort(destination)
	}
	return out, nil
}

// headerLength returns the length in bytes of the header at the start of b.
func headerLength(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, ErrHeaderShort
	case agree(b, proxyproto.SIGV2):
		const fixed = 16 // signature, version and command, family, length
		if len(b) < fixed {
			return 0, ErrHeaderShort
		}
		n := fixed + int(binary.BigEndian.Uint16(b[14:]))
		if n > maxProxyHeader {
			return 0, errHeaderTooBig
		}
		if len(b) < n {
			return 0, ErrHeaderShort
		}
		return n, nil
	case agree(b, []byte("PROXY ")):
		const longest = 107 // of a v1 header, CRLF included
		if i := bytes.IndexByte(b[:min(len(b), longest)], '\n'); i >= 0 {
			return i + 1, nil
		}
		if len(b) >= longest {
			return 0, errHeaderTooBig
		}
		return 0, ErrHeaderShort
	}
	return 0, errHeaderAbsent
}

// agree reports whether b and prefix are equal up to the end of the shorter one.
func agree(b, prefix []byte) bool {
	n := min(len(b), len(prefix))
	return bytes.Equal(b[:n], prefix[:n])
}

// addrPort converts a, with IPv4 unmapped.
func addrPort(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
