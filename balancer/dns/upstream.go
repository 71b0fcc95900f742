package dns

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	wire "github.com/miekg/dns"
)

// upstream says which servers are asked, and how. Only turn and silent change.
type upstream struct {
	servers  []netip.AddrPort // at least one
	search   []string         // rooted domains that a short name may be in
	ndots    int              // a name with so many dots is tried as it is before search
	timeout  time.Duration    // for one question to one server
	attempts int              // at each server
	rotate   bool             // begin with another server each time
	tcp      bool             // do not use UDP

	turn   atomic.Uint32
	silent [maxServers]atomic.Int64 // until when a server comes last, in Unix nanoseconds
}

// order returns the indexes of the servers in the order in which to ask them: those that have just been silent come last.
func (up *upstream) order(now time.Time) []int {
	first := 0
	if up.rotate {
		first = int((up.turn.Add(1) - 1) % uint32(len(up.servers)))
	}
	var order, last []int
	for i := range up.servers {
		i = (first + i) % len(up.servers)
		if now.UnixNano() < up.silent[i].Load() {
			last = append(last, i)
		} else {
			order = append(order, i)
		}
	}
	return append(order, last...)
}

// wasSilent notes that a server has not answered.
func (up *upstream) wasSilent(i int, now time.Time) {
	up.silent[i].Store(now.Add(silentTime).UnixNano())
}

// names returns what a name may stand for, in order. It is empty if DNS cannot have the name.
func (up *upstream) names(name string) []string {
	fqdn := wire.Fqdn(name)
	if _, ok := wire.IsDomainName(fqdn); !ok || fqdn == "." || name == "" || strings.HasSuffix(fqdn, ".onion.") {
		return nil // .onion is never asked for (RFC 7686)
	}
	if name == fqdn {
		return []string{fqdn}
	}
	var all []string
	for _, domain := range up.search {
		if _, ok := wire.IsDomainName(fqdn + domain); ok {
			all = append(all, fqdn+domain)
		}
	}
	if strings.Count(name, ".") >= up.ndots {
		return append([]string{fqdn}, all...)
	}
	return append(all, fqdn)
}

// arpa returns the name that has the PTR records of an address.
func arpa(addr netip.Addr) string {
	name, _ := wire.ReverseAddr(addr.String()) // fails for what is no address
	return name
}

// The limits of resolv.conf(5), and those of Go's resolver.
const (
	maxServers  = 3
	maxNdots    = 15
	maxTimeout  = 30
	maxAttempts = 5
	dnsPort     = 53
)

// parseUpstream reads the text of resolv.conf(5) as Go's resolver does. It skips what it does not understand.
func parseUpstream(b []byte) *upstream {
	up := &upstream{ndots: 1, timeout: 5 * time.Second, attempts: 2}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		line := lines.Text()
		f := strings.Fields(line)
		if len(f) < 2 || line[0] == ';' || line[0] == '#' {
			continue
		}
		switch f[0] {
		case "nameserver":
			if addr, err := netip.ParseAddr(f[1]); err == nil && len(up.servers) < maxServers {
				up.servers = append(up.servers, netip.AddrPortFrom(addr, dnsPort))
			}
		case "domain":
			up.search = domains(f[1:2])
		case "search":
			up.search = domains(f[1:])
		case "options":
			for _, option := range f[1:] {
				up.setOption(option)
			}
		}
	}
	if len(up.servers) == 0 {
		up.servers = []netip.AddrPort{netip.AddrPortFrom(loopback[0], dnsPort), netip.AddrPortFrom(loopback[1], dnsPort)}
	}
	if len(up.search) == 0 {
		up.search = hostDomain()
	}
	return up
}

// setOption sets an option of resolv.conf(5).
func (up *upstream) setOption(option string) {
	name, value, _ := strings.Cut(option, ":")
	n, _ := strconv.Atoi(value) // what is no number is 0, as for Go's resolver
	switch name {
	case "ndots":
		up.ndots = min(max(n, 0), maxNdots)
	case "timeout":
		up.timeout = time.Duration(min(max(n, 1), maxTimeout)) * time.Second
	case "attempts":
		up.attempts = min(max(n, 1), maxAttempts)
	case "rotate":
		up.rotate = true
	case "use-vc", "usevc", "tcp":
		up.tcp = true
	}
}

// domains returns the rooted form of search domains, without the root and what is no domain.
func domains(names []string) (all []string) {
	for _, name := range names {
		if _, ok := wire.IsDomainName(name); ok && name != "." {
			all = append(all, wire.Fqdn(name))
		}
	}
	return all
}

// hostDomain returns the domain of this machine, if its name has one.
func hostDomain() []string {
	host, err := os.Hostname()
	if err != nil {
		return nil // a name without a domain is looked up as it is
	}
	_, domain, _ := strings.Cut(host, ".")
	if domain == "" {
		return nil
	}
	return domains([]string{domain})
}
