package proxy

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

var (
	errHeaderShort  = errors.New("PROXY header is not whole")
	errHeaderAbsent = errors.New("no PROXY header")
	errHeaderTooBig = fmt.Errorf("PROXY header of more than %d bytes", maxProxyHeader)
)

// proxyHeader is what a PROXY header says. The addresses are not valid in a
// LOCAL or UNKNOWN header, which speaks of the proxy's own connection.
type proxyHeader struct {
	source, destination netip.AddrPort
	length              int // bytes of the header
}

// unwrap reads the PROXY header, v1 or v2, at the start of b. It wants more
// bytes with errHeaderShort; any other error is final, and comes with the first
// byte that is wrong.
func unwrap(b []byte) (proxyHeader, error) {
	n, err := headerLength(b)
	if err != nil {
		return proxyHeader{}, err
	}
	// The library reads a header that is there as a whole only.
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:n]), n))
	if err != nil {
		return proxyHeader{}, err
	}
	out := proxyHeader{length: n}
	if h.Command.IsLocal() {
		return out, nil
	}
	if source, destination, ok := h.TCPAddrs(); ok {
		out.source, out.destination = addrPort(source), addrPort(destination)
	}
	return out, nil
}

// headerLength is the length in bytes of the header that b begins with.
func headerLength(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, errHeaderShort
	case begins(b, proxyproto.SIGV2):
		const fixed = 16 // signature, version and command, family, length
		if len(b) < fixed {
			return 0, errHeaderShort
		}
		n := fixed + int(binary.BigEndian.Uint16(b[14:]))
		if n > maxProxyHeader {
			return 0, errHeaderTooBig
		}
		if len(b) < n {
			return 0, errHeaderShort
		}
		return n, nil
	case begins(b, []byte("PROXY ")):
		const longest = 107 // of a v1 header, CRLF included
		if i := bytes.IndexByte(b[:min(len(b), longest)], '\n'); i >= 0 {
			return i + 1, nil
		}
		if len(b) >= longest {
			return 0, errHeaderTooBig
		}
		return 0, errHeaderShort
	}
	return 0, errHeaderAbsent
}

// looksWrapped reports whether b begins with a PROXY header's signature.
func looksWrapped(b []byte) bool {
	return bytes.HasPrefix(b, []byte("PROXY ")) || bytes.HasPrefix(b, proxyproto.SIGV2)
}

// begins reports whether b and prefix agree as far as both go.
func begins(b, prefix []byte) bool {
	n := min(len(b), len(prefix))
	return bytes.Equal(b[:n], prefix[:n])
}

// addrPort is a in the form used inside, IPv4 unmapped.
func addrPort(a *net.TCPAddr) netip.AddrPort {
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
