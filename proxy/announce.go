package proxy

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"

	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/tlv"
)

// appendProxyHeader appends the PROXY header of the given version, 1 or 2, that tells a node the
// address of a client. The header always has the command PROXY with TCP4 or TCP6, the one form that the
// listeners of all brokers accept. If only one address is IPv6, both are written as IPv6.
//
// The library formats version 1. Version 2 begins nearly every connection, and in this form it has 28
// or 52 bytes at fixed places. It is formatted here without the library's 6 allocations, and a test
// compares it with the library.
func appendProxyHeader(dst []byte, version int, source, destination netip.AddrPort) ([]byte, error) {
	if version != 2 {
		if source.Port() == 0 { // not known behind an HTTP proxy; RabbitMQ refuses a line with it
			source = netip.AddrPortFrom(source.Addr(), 1)
		}
		if source.Addr().Is4() != destination.Addr().Is4() {
			source, destination = in6(source), in6(destination) // the library writes the family of the source
		}
		h := proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination))
		b, err := h.Format()
		return append(dst, b...), err
	}
	dst = append(dst, proxyproto.SIGV2...)
	if source.Addr().Is4() && destination.Addr().Is4() {
		from, to := source.Addr().As4(), destination.Addr().As4()
		dst = append(dst, byte(proxyproto.PROXY), byte(proxyproto.TCPv4), 0, 2*4+2*2)
		dst = append(append(dst, from[:]...), to[:]...)
	} else {
		from, to := source.Addr().As16(), destination.Addr().As16()
		dst = append(dst, byte(proxyproto.PROXY), byte(proxyproto.TCPv6), 0, 2*16+2*2)
		dst = append(append(dst, from[:]...), to[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, source.Port())
	return binary.BigEndian.AppendUint16(dst, destination.Port()), nil
}

// in6 returns a in IPv6 form.
func in6(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}

// withTLVs adds TLVs to a PROXY v2 header: those of the client's TLS, if it ends here, and those of kinds
// that a trusted proxy has sent. Ours go before the proxy's. leftOut are kinds that did not fit.
func withTLVs(header []byte, own *tlsterm.Info, front *tlv.Set, kinds tlv.Kinds) (b []byte, leftOut tlv.Kinds) {
	const fixed = 16 // signature, version and command, family, length
	set := front.Only(kinds)
	if own != nil {
		set.Session, set.Secure, set.ALPN = own.TLVSession(), true, own.Protocol
		if own.ServerName != "" {
			set.Authority = own.ServerName
		}
	}
	header, leftOut = set.Append(header, tlv.MaxHeader-len(header))
	binary.BigEndian.PutUint16(header[fixed-2:], uint16(len(header)-fixed))
	return header, leftOut
}
