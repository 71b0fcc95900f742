package config

import (
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// sockets finds listening sockets that cannot be bound beside each other.
type sockets struct {
	s     *source
	taken map[string]claim // by what of an address is taken, see claims
}

// A claim is the first owner of what two sockets cannot both have.
type claim struct {
	path, owner string
	address     Address
}

// take records that owner listens on the address at path.
func (k *sockets) take(path string, a Address, owner string) {
	takes, excludes := a.claims()
	if !k.s.valid(path) {
		return
	}
	for _, what := range excludes {
		first, ok := k.taken[what]
		if !ok {
			continue
		}
		if first.address.bound() == a.bound() {
			k.s.errorf(path, "the address %s is taken already by %s%s", quote(a.bound()), first.owner, k.s.whereElse(first.path, path))
		} else {
			k.s.errorf(path, "%s overlaps with %s, the address of %s%s: one is part of the other, and only one of them can be bound",
				quote(a.String()), quote(first.address.String()), first.owner, k.s.whereElse(first.path, path))
		}
		return
	}
	if k.taken == nil {
		k.taken = map[string]claim{}
	}
	for _, what := range takes {
		if _, ok := k.taken[what]; !ok {
			k.taken[what] = claim{path, owner, a}
		}
	}
}

// claims returns what a socket on the address takes, and what no other may have taken before. A socket on
// all addresses takes those of IPv4, too, and can be bound neither before nor after one on a single address.
// Port 0 and the zero Address take nothing.
func (a Address) claims() (takes, excludes []string) {
	exact := a.bound()
	if exact == "" {
		return nil, nil
	}
	if a.Network == "unix" {
		return []string{exact}, []string{exact}
	}
	port := strconv.Itoa(int(a.Port))
	all, all4, some, some4 := "all "+port, "all of IPv4 "+port, "some "+port, "some of IPv4 "+port
	switch ip, err := netip.ParseAddr(a.Host); {
	case err != nil, ip == netip.IPv6Unspecified(): // no host
		return []string{all, all4, some, some4}, []string{some}
	case ip == netip.IPv4Unspecified():
		return []string{all4, some, some4}, []string{some4}
	case ip.Is4():
		return []string{exact, some, some4}, []string{exact, all4}
	default:
		return []string{exact, some}, []string{exact, all}
	}
}

// bound returns a key that two sockets on the same address share; all addresses of IPv4 and all of IPv6
// have one, as [::] takes IPv4, too. It is empty for port 0 and the zero Address, which collide with nothing.
func (a Address) bound() string {
	if a.IsZero() || a.Network == "tcp" && a.Port == 0 {
		return ""
	}
	if a.Network == "unix" {
		a.Path = filepath.Clean(a.Path)
	}
	if ip, err := netip.ParseAddr(a.Host); err == nil && ip.IsUnspecified() {
		a.Host = ""
	}
	return a.String()
}

// reached returns a key that two spellings of the same address of a node share; empty for the zero Address.
func (a Address) reached() string {
	if a.IsZero() {
		return ""
	}
	a.Host = strings.ToLower(strings.TrimSuffix(a.Host, "."))
	return a.String()
}
