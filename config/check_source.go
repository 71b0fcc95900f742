package config

import (
	"net/netip"
	"slices"
)

// checkSource checks the source addresses of the pool at a path.
func checkSource(p *Pool, s *source, at string) {
	source, transparent, nodes := child(at, "source"), child(at, "transparent"), child(at, "nodes")
	if p.Transparent && s.written(source) && s.valid(source, transparent) {
		s.errorf(transparent, "has no meaning with source: connections begin either at the address of the client or at one of this host")
		return
	}
	if !s.valid(source) {
		return
	}
	total := 0
	for i, one := range p.Source {
		path := p.sourcePath(source, i)
		for j := range i {
			if p.Source[j].Overlaps(one.Prefix) {
				s.errorf(path, "%s is in %s already", one, p.Source[j])
				return
			}
		}
		if total += one.count(); total > maxSources {
			s.errorf(path, "is one source too many; a pool has at most %d addresses", maxSources)
			return
		}
		if p.Discover == nil && s.valid(nodes) && !slices.ContainsFunc(p.Nodes, func(n Node) bool { return n.mayHaveFamily(one.Addr()) }) {
			s.errorf(path, "%s has no effect: no node of the pool has an address of %s", one, familyOf(one.Addr()))
		}
	}
}

// sourcePath returns the path of an item of source, which may be a single value in place of a list.
func (p *Pool) sourcePath(source string, i int) string {
	if len(p.Source) == 1 {
		return source
	}
	return item(source, i)
}

// mayHaveFamily reports whether the node may have an address of the family of another one. A host name may.
func (n *Node) mayHaveFamily(of netip.Addr) bool {
	ip, err := netip.ParseAddr(n.Address.Host)
	return err != nil || ip.Is4() == of.Is4()
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// warnSource warns of sources that do not do what they are for.
func warnSource(p *Pool, s *source, at string) {
	for i := range p.Nodes {
		ip, err := netip.ParseAddr(p.Nodes[i].Address.Host)
		if err != nil || len(p.Source) == 0 {
			continue
		}
		fits := slices.IndexFunc(p.Source, func(one Source) bool { return one.Addr().Is4() == ip.Is4() })
		address := child(item(child(at, "nodes"), i), "address")
		switch {
		case fits < 0:
			s.warnf(address, "no source of the pool is of %s: the kernel chooses the source of connections to %s", familyOf(ip), ip)
		case !ip.IsLoopback() && !slices.ContainsFunc(p.Source, func(one Source) bool { return one.Addr().Is4() == ip.Is4() && !one.Addr().IsLoopback() }):
			s.warnf(address, "%s cannot be reached from %s, an address that only this host has", ip, p.Source[fits])
		}
	}
}
