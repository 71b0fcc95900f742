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

// ErrHeaderShort is what ReadProxyHeader returns for the beginning of a header.
var ErrHeaderShort = errors.New("PROXY header is not whole")

var (
	errHeaderAbsent = errors.New("no PROXY header")
	errHeaderTooBig = fmt.Errorf("PROXY header of more than %d bytes", maxProxyHeader)
)

// ProxyHeader is what a PROXY header says. The addresses are not valid in a
// LOCAL or UNKNOWN header, which speaks of the proxy's own connection.
type ProxyHeader struct {
	Source, Destination netip.AddrPort
	Length              int // bytes of the header
}

// ReadProxyHeader reads the PROXY header, v1 or v2, at the start of b. It wants more
// bytes with ErrHeaderShort; any other error is final, and comes with the first
// byte that is wrong.
func ReadProxyHeader(b []byte) (ProxyHeader, error) {
	n, err := headerLength(b)
	if err != nil {
		return ProxyHeader{}, err
	}
	// The library reads a header that is there as a whole only.
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

// headerLength is the length in bytes of the header that b begins with.
func headerLength(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, ErrHeaderShort
	case begins(b, proxyproto.SIGV2):
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
	case begins(b, []byte("PROXY ")):
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

// signed reports whether b begins with a PROXY header's signature; undecided: b is too
// short to tell.
func signed(b []byte) (yes, undecided bool) {
	v1 := []byte("PROXY ")
	switch {
	case bytes.HasPrefix(b, v1), bytes.HasPrefix(b, proxyproto.SIGV2):
		return true, false
	default:
		return false, begins(b, v1) || begins(b, proxyproto.SIGV2)
	}
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
