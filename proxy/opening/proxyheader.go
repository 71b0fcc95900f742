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

	"mqttlb/proxy/tlv"
)

// ErrHeaderShort means that ReadProxyHeader needs more bytes.
var ErrHeaderShort = errors.New("PROXY header is not whole")

var (
	errHeaderAbsent = errors.New("no PROXY header")
	errHeaderTooBig = fmt.Errorf("PROXY v2: the header has more than %d bytes", maxProxyHeader)
	errNoLineEnd    = fmt.Errorf("PROXY v1: no CRLF in the first %d bytes", maxProxyLine)
)

// ProxyHeader is the content of a PROXY header. The addresses are not valid if the header has none of
// IP: those of LOCAL and UNKNOWN are about the proxy's own connection, and UNSPEC and Unix sockets have
// none.
type ProxyHeader struct {
	Source, Destination netip.AddrPort
	Length              int    // of the header, in bytes
	Local               bool   // the proxy speaks for itself, for example to check health (LOCAL of version 2)
	TLVs                []byte // part of the argument, checked by package tlv; empty: none
}

// ReadProxyHeader parses the PROXY header, v1 or v2, at the start of b. The error is
// ErrHeaderShort if more bytes are needed. Any other error is final, and is returned as soon
// as the bytes that it is about are there.
func ReadProxyHeader(b []byte) (ProxyHeader, error) {
	switch {
	case len(b) == 0:
		return ProxyHeader{}, ErrHeaderShort
	case agree(b, proxyproto.SIGV2):
		return readHeader(b)
	case agree(b, []byte(lineStart)):
		return readLine(b)
	}
	return ProxyHeader{}, errHeaderAbsent
}

// The fixed part of a header of version 2: signature, version and command, family, length.
const (
	atCommand  = 12
	atFamily   = 13
	atLength   = 14
	fixedBytes = 16
)

// readHeader parses a header of version 2. The library reads the addresses. It does not check TLVs,
// and it refuses PROXY with UNSPEC, which HAProxy sends for its clients on Unix sockets.
func readHeader(b []byte) (ProxyHeader, error) {
	n, err := headerLength(b)
	if err != nil {
		return ProxyHeader{}, err
	}
	out := ProxyHeader{Length: n, Local: proxyproto.ProtocolVersionAndCommand(b[atCommand]) == proxyproto.LOCAL}
	if out.Local {
		return out, nil // the rest is to be ignored, whatever it is (2.2)
	}
	b = b[:n]
	at := fixedBytes + addressBytes(b[atFamily])
	if err := tlv.Check(b, at); err != nil {
		return ProxyHeader{}, fmt.Errorf("PROXY v2: %w", err)
	}
	out.TLVs = b[at:]
	if proxyproto.AddressFamilyAndProtocol(b[atFamily]) == proxyproto.UNSPEC {
		return out, nil
	}
	h, err := readWhole(b)
	if err != nil {
		return ProxyHeader{}, fmt.Errorf("PROXY v2: %w", err)
	}
	out.setAddresses(h)
	return out, nil
}

// headerLength returns the length in bytes of the whole header of version 2 at the start of b, whose
// fixed part it checks.
func headerLength(b []byte) (int, error) {
	if len(b) > atCommand {
		if err := checkCommand(b[atCommand]); err != nil {
			return 0, err
		}
	}
	if len(b) > atFamily {
		if err := checkFamily(b[atFamily], b[atCommand]); err != nil {
			return 0, err
		}
	}
	if len(b) < fixedBytes {
		return 0, ErrHeaderShort
	}
	rest := int(binary.BigEndian.Uint16(b[atLength:]))
	switch need := addressBytes(b[atFamily]); {
	case fixedBytes+rest > maxProxyHeader:
		return 0, errHeaderTooBig
	case rest < need && proxyproto.ProtocolVersionAndCommand(b[atCommand]) == proxyproto.PROXY:
		return 0, fmt.Errorf("PROXY v2: the length is %d bytes, and the addresses of family 0x%02x need %d", rest, b[atFamily], need)
	case len(b) < fixedBytes+rest:
		return 0, ErrHeaderShort
	}
	return fixedBytes + rest, nil
}

func checkCommand(b byte) error {
	const version = 2
	switch command := proxyproto.ProtocolVersionAndCommand(b); {
	case b>>4 != version:
		return fmt.Errorf("PROXY v2: the version is %d in place of %d", b>>4, version)
	case command != proxyproto.LOCAL && command != proxyproto.PROXY:
		return fmt.Errorf("PROXY v2: there is no command %d", b&0xf)
	}
	return nil
}

// checkFamily checks the family, which must be one that exists even with LOCAL.
func checkFamily(b, command byte) error {
	switch proxyproto.AddressFamilyAndProtocol(b) {
	case proxyproto.UNSPEC, proxyproto.TCPv4, proxyproto.TCPv6, proxyproto.UnixStream:
		return nil
	case proxyproto.UDPv4, proxyproto.UDPv6, proxyproto.UnixDatagram:
		if proxyproto.ProtocolVersionAndCommand(command) == proxyproto.LOCAL {
			return nil
		}
		return fmt.Errorf("PROXY v2: the family 0x%02x is of datagrams, and the connection is a stream", b)
	}
	return fmt.Errorf("PROXY v2: there is no family 0x%02x", b)
}

// addressBytes returns how many bytes the addresses of a family have.
func addressBytes(family byte) int {
	switch f := proxyproto.AddressFamilyAndProtocol(family); {
	case f == proxyproto.UNSPEC:
		return 0
	case f.IsIPv4():
		return 2 * (4 + 2)
	case f.IsIPv6():
		return 2 * (16 + 2)
	default:
		return 2 * 108 // the names of Unix sockets
	}
}

// readWhole has the library read b, which is a whole header and nothing else.
func readWhole(b []byte) (*proxyproto.Header, error) {
	return proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b), len(b)))
}

func (p *ProxyHeader) setAddresses(h *proxyproto.Header) {
	if source, destination, ok := h.TCPAddrs(); ok {
		p.Source, p.Destination = addrPort(source), addrPort(destination)
	}
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
