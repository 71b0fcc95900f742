package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Resolver says how the host names of nodes are looked up.
type Resolver struct {
	// Servers are asked in this order, each for names as they are written, after the hosts file. Each is there once.
	// Empty: the servers, search domains and options of /etc/resolv.conf.
	Servers []netip.AddrPort

	// Timeout is for one question to one of Servers. Meaningless without Servers.
	Timeout time.Duration

	// EmptyGrace is how long a name that had addresses keeps them although a server says that it has none; 0: they are
	// gone at once.
	EmptyGrace time.Duration
}

func resolverFields(r *Resolver) []field {
	return []field{
		scalars("servers", &r.Servers, 1, text(parseServer)),
		scalar("timeout", &r.Timeout, duration(minResolve, maxResolve, zeroForbidden)),
		scalar("empty_grace", &r.EmptyGrace, duration(0, maxEmptyGrace, zeroAllowed)),
	}
}

const (
	// maxServers are as many as in /etc/resolv.conf: with more of them, and one after the other silent, no look-up gets
	// to the last one.
	maxServers = 3

	dnsPort = 53
)

// Ranges of durations.
const (
	minResolve    = 100 * time.Millisecond // a name that no cache has takes as long
	maxResolve    = 3 * time.Second        // a look-up has 8 s, and the third server must get its turn
	maxEmptyGrace = 7 * 24 * time.Hour     // a name that is gone for longer is gone
)

// parseServer parses the address of a DNS server, with or without a port.
func parseServer(s string) (netip.AddrPort, error) {
	ip, ok := parseIP(strings.Trim(s, "[]"))
	port := uint16(dnsPort)
	if !ok {
		host, p, err := splitHostPort(s, "10.0.0.10:53")
		switch {
		case err != nil && !strings.Contains(s, ":"): // a port may be left out
			return netip.AddrPort{}, fmt.Errorf("%s is not an IP address; write that of a DNS server, as 10.0.0.10 or 10.0.0.10:53", quote(s))
		case err != nil:
			return netip.AddrPort{}, err
		case p == 0:
			return netip.AddrPort{}, fmt.Errorf("port 0 is out of range 1 to 65535")
		}
		if ip, ok = parseIP(host); !ok {
			return netip.AddrPort{}, fmt.Errorf("%s is not an IP address; write that of a DNS server, as 10.0.0.10 or 10.0.0.10:53", quote(host))
		}
		port = p
	}
	switch {
	case ip.IsUnspecified(), ip.IsMulticast(), ip == broadcast:
		return netip.AddrPort{}, fmt.Errorf("%s is not the address of one machine", quote(ip.String()))
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return netip.AddrPort{}, errZone(ip)
	}
	return netip.AddrPortFrom(ip, port), nil
}

// checkResolver checks rules between the settings.
func checkResolver(c *Config, s *source) {
	const servers, timeout = "resolver.servers", "resolver.timeout"
	r := &c.Resolver
	if !s.valid(servers) {
		return
	}
	if len(r.Servers) > maxServers {
		s.errorf(servers, "has %d servers, at most %d are allowed; others would hardly be asked", len(r.Servers), maxServers)
	}
	for i, server := range r.Servers {
		if at := item(servers, i); slices.Contains(r.Servers[:i], server) {
			s.errorf(at, "%s is there twice", quote(server.String()))
		}
	}
	if len(r.Servers) == 0 && s.written(timeout) && s.valid(timeout) {
		s.errorf(timeout, "is for resolver.servers, and there are none; the servers in /etc/resolv.conf have the timeout in its options")
	}
}

// String describes the resolver in a few words.
func (r *Resolver) String() string {
	text := "the system's servers"
	if len(r.Servers) > 0 {
		all := make([]string, len(r.Servers))
		for i, server := range r.Servers {
			all[i] = server.String()
			if server.Port() == dnsPort {
				all[i] = server.Addr().String()
			}
		}
		text = fmt.Sprintf("%s, timeout %s", joinWords(all), formatDuration(r.Timeout))
	}
	return text + ", empty answers ignored for " + formatDuration(r.EmptyGrace)
}

// resolves reports whether any node has a host name, or is found by one.
func (c *Config) resolves() bool {
	return slices.ContainsFunc(c.Pools, func(p Pool) bool {
		return p.Discover != nil && p.Discover.File == "" || slices.ContainsFunc(p.Nodes, func(n Node) bool {
			_, literal := parseIP(n.Address.Host)
			return !literal
		})
	})
}
