// Package hostname has one spelling for each host, so that hosts can be compared as bytes.
package hostname

import (
	"net"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// longest is the most bytes of a name that is converted: that of a name in the DNS. The time for a conversion grows
// with the square of the length, and clients choose it.
const longest = 255

// names converts U-labels as browsers do. It allows underscores, which names of containers have.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// Canonical returns the host that a client names in a Host header, an Origin or the SNI of TLS, in the one spelling
// that hosts are compared in: without port, brackets and root dot, a name in lower case and with A-labels for its
// U-labels (RFC 5890), an address as netip writes it. A name outside of ASCII that no host can have is left as it is. Patterns
// with a star are spelled in the same way.
func Canonical(host string) string {
	if strings.IndexByte(host, ':') >= 0 {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	host = strings.TrimSuffix(host, ".")
	if ip, ok := address(host); ok {
		return ip.String()
	}
	if isASCII(host) {
		return strings.ToLower(host)
	}
	if len(host) > longest || !utf8.ValidString(host) {
		return host
	}
	name, err := names.ToASCII(host)
	if err != nil {
		return host
	}
	return strings.TrimSuffix(name, ".") // the root dot may be one that is not ASCII
}

// address parses an IP address; IPv4 within IPv6 is IPv4. Names, which are the usual case, are told apart without an
// allocation.
func address(host string) (netip.Addr, bool) {
	if host == "" || strings.IndexByte(host, ':') < 0 && (host[len(host)-1] < '0' || host[len(host)-1] > '9') {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err == nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
