package proxy

import (
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// announce is the PROXY header of the given version, 1 or 2, that names a
// client to a node: always PROXY with TCP4 or TCP6 and no TLVs, the one form
// that every broker's listener takes. Addresses of two families are both
// written as IPv6.
func announce(version int, source, destination netip.AddrPort) ([]byte, error) {
	// The library writes the family of the source.
	if source.Addr().Is4() != destination.Addr().Is4() {
		source, destination = in6(source), in6(destination)
	}
	h := proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(source), net.TCPAddrFromAddrPort(destination))
	return h.Format()
}

// in6 is a as an IPv6 address.
func in6(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
}
