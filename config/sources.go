package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// A Source is one or more addresses of this host.
type Source struct{ netip.Prefix }

// String returns the source as it is written in a file: one address without its length.
func (s Source) String() string {
	if s.IsSingleIP() {
		return s.Addr().String()
	}
	return s.Prefix.String()
}

// first returns the first address that is used: of a network of IPv4 that one after the address of the network
// itself, and of IPv6 that one after the address of all its routers (RFC 4291, 2.6.1).
func (s Source) first() netip.Addr {
	if s.hasReserved() {
		return s.Addr().Next()
	}
	return s.Addr()
}

// hasReserved reports whether the first address of the network is none of a host. A network of two has no such
// address (RFC 3021, RFC 6164).
func (s Source) hasReserved() bool { return s.Bits() < s.Addr().BitLen()-1 }

// count returns the number of addresses, or more than maxSources if there are more.
func (s Source) count() int {
	bits := s.Addr().BitLen() - s.Bits()
	if bits > 16 {
		return maxSources + 1
	}
	n := 1 << bits
	switch {
	case !s.hasReserved():
		return n
	case s.Addr().Is4():
		return n - 2 // and the address of broadcasts, the last one
	default:
		return n - 1
	}
}

// SourceAddresses returns the addresses that Source stands for, in their order.
func (p *Pool) SourceAddresses() []netip.Addr {
	var all []netip.Addr
	for _, s := range p.Source {
		for a, left := s.first(), s.count(); left > 0; a, left = a.Next(), left-1 {
			all = append(all, a)
		}
	}
	return all
}

// SourceOf returns the index in Source of an address.
func (p *Pool) SourceOf(a netip.Addr) int {
	for i, s := range p.Source {
		if s.Contains(a) {
			return i
		}
	}
	return 0
}

// parseSource parses an address or a network.
func parseSource(s string) (Source, error) {
	if _, _, err := splitHostPort(s, "10.0.0.5:0"); err == nil {
		return Source{}, fmt.Errorf("%s has a port; write the address alone, since each connection needs a port of its own", quote(s))
	}
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() != "" || strings.Contains(s, "%") {
		return Source{}, fmt.Errorf("%s is an address of one link, which cannot be a source", quote(s))
	}
	_, noPrefix := netip.ParsePrefix(s)
	if _, noAddress := netip.ParseAddr(s); noAddress != nil && noPrefix != nil {
		return Source{}, fmt.Errorf("%s is not an IP address; write one of this host, as 10.0.0.5, or a network, as 10.0.0.16/28; the client's own address is transparent: true", quote(s))
	}
	if p, err := netip.ParsePrefix(s); err == nil && p != p.Masked() { // as in ip address show
		return Source{}, fmt.Errorf("%s is an address with the length of its network; write the address alone, as %s, or the network %s", quote(s), p.Addr(), p.Masked())
	}
	p, err := parsePrefix(s)
	source := Source{p}
	switch ip := p.Addr(); {
	case err != nil:
		return Source{}, err
	case source.IsSingleIP() && ip.IsUnspecified():
		return Source{}, fmt.Errorf("%s is no address; without source the kernel chooses", quote(s))
	case ip.IsMulticast(), source.IsSingleIP() && ip == broadcast:
		return Source{}, fmt.Errorf("%s is not the address of one machine", quote(s))
	case ip.Is6() && ip.IsLinkLocalUnicast():
		return Source{}, fmt.Errorf("%s is an address of one link, which cannot be a source", quote(s))
	case source.count() > maxSources:
		return Source{}, fmt.Errorf("%s is too large; at most %d addresses are allowed, as in a /%d", quote(s), maxSources, ip.BitLen()-8)
	}
	return source, nil
}

// sources describes where connections to the nodes begin; empty: where the kernel likes.
func (p *Pool) sources() string {
	switch n := len(p.SourceAddresses()); {
	case p.Transparent:
		return "transparent: connections to nodes begin at the address of the client"
	case n == 1:
		return "connections to nodes begin at " + p.Source[0].String()
	case n > 1:
		return fmt.Sprintf("connections to nodes begin at %d addresses: %s", n, joinWords(p.sourceTexts()))
	}
	return ""
}

func (p *Pool) sourceTexts() (all []string) {
	for _, s := range p.Source {
		all = append(all, s.String())
	}
	return all
}
