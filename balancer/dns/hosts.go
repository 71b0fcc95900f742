package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

var errOnlyFiles = errors.New("only files are asked")

// hostsFile answers from the hosts file alone: Go's resolver asks no server that it cannot dial.
var hostsFile = net.Resolver{
	PreferGo: true,
	Dial:     func(context.Context, string, string) (net.Conn, error) { return nil, errOnlyFiles },
}

// hostAddrs returns the addresses of a host in the hosts file, sorted and each once.
func (s *Stub) hostAddrs(ctx context.Context, host string) []netip.Addr {
	addrs, err := s.hosts.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	return sortedAddrs(addrs)
}

// loopback are the addresses of localhost, which need no server (RFC 6761, section 6.3).
var loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// isLocalhost reports whether a host is this machine by its name alone.
func isLocalhost(host string) bool {
	host = plain(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// sortedAddrs sorts addresses, without those that are there twice.
func sortedAddrs(addrs []netip.Addr) []netip.Addr {
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}
