package config

import (
	"net"
	"net/netip"
	"strings"
)

// checkLoops checks that no node is a listener or the admin server of this process: its clients would come
// back without end. A host name other than localhost is checked when it is resolved.
func checkLoops(c *Config, s *source) {
	for i := range c.Pools {
		for j := range c.Pools[i].Nodes {
			n, at := &c.Pools[i].Nodes[j], child(item(child(item("pools", i), "nodes"), j), "address")
			if !s.valid(at) {
				continue
			}
			if c.Admin.Address.accepts(n.Address) {
				s.errorf(at, "%s is admin.address of this process, which speaks HTTP and no MQTT", quote(n.Address.String()))
			}
			for _, l := range c.Listeners {
				if l.Address.accepts(n.Address) {
					s.errorf(at, "%s is the address of listener %s of this process: its clients would come back without end", quote(n.Address.String()), quote(l.Name))
				}
			}
		}
	}
}

// ListenerAt names the listener or the admin server that accepts connections to an IP address; empty: none.
func (c *Config) ListenerAt(to netip.AddrPort) string {
	if c.Admin.Address.acceptsAt(to) {
		return "admin.address"
	}
	for _, l := range c.Listeners {
		if l.Address.acceptsAt(to) {
			return "listener " + quote(l.Name)
		}
	}
	return ""
}

// acceptsAt reports whether a listener at this address accepts connections to an IP address.
func (a Address) acceptsAt(to netip.AddrPort) bool {
	if a.Network != "tcp" || a.Port == 0 || a.Port != to.Port() {
		return false
	}
	ip := netip.IPv6Unspecified()
	if a.Host != "" {
		ip, _ = netip.ParseAddr(a.Host)
	}
	return ip == to.Addr() || ip.IsUnspecified() && (ip.Is6() || to.Addr().Is4()) && isOfThisHost(to.Addr())
}

// accepts is acceptsAt for the address of a node.
func (a Address) accepts(node Address) bool {
	if strings.EqualFold(strings.TrimSuffix(node.Host, "."), "localhost") {
		return a.acceptsAt(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), node.Port)) ||
			a.acceptsAt(netip.AddrPortFrom(netip.IPv6Loopback(), node.Port))
	}
	ip, err := netip.ParseAddr(node.Host)
	return err == nil && a.acceptsAt(netip.AddrPortFrom(ip, node.Port))
}

// isOfThisHost reports whether an address is of an interface of this host.
func isOfThisHost(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range interfaces {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == ip.WithZone("") {
			return true
		}
	}
	return false
}
