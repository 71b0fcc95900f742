package opening

import (
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"mqttlb/proxy/snapshot"
)

// Client is the client of a connection or a request.
type Client struct {
	// Source is its address: that of the connection's peer, or the one that a trusted proxy has named. The
	// port is 0 if it is not known. Not valid on a Unix socket.
	Source netip.AddrPort

	// Shared says that Source is the address of a trusted proxy, since the client behind it is not known.
	// Any number of clients share it.
	Shared bool

	unnamed bool // a PROXY header has named no client
}

// Limited returns the address that counts in the limits of one address; not valid if none does.
func (c Client) Limited() netip.Addr {
	if c.Shared {
		return netip.Addr{}
	}
	return c.Source.Addr()
}

// OfRequest returns the client of a request with the given header. c is the client of its connection to
// the listener.
//
// Each proxy appends the address of its own peer to X-Forwarded-For. So the entries are read from the
// right, as long as the one before, or at first c, is a trusted proxy. The client is the first one that is
// not: what is left of it is the client's own word. If all are trusted, it is the leftmost. An entry that
// is no address ("unknown", "_hidden") ends the search, because its proxy does not say where the request
// comes from.
//
// A client whose PROXY header named nobody has written its X-Forwarded-For itself.
func (c Client) OfRequest(ln *snapshot.Listener, header http.Header) Client {
	if c.unnamed || !ln.TrustsForwarded(c.Source.Addr()) {
		return c
	}
	c.Shared = true
	hops := 0
	for entry := range fromTheRight(header["X-Forwarded-For"]) {
		if hops++; hops > maxHops {
			break
		}
		if entry == "" {
			continue // RFC 9110, section 5.6.1.2
		}
		source, ok := parseForwarded(entry)
		if !ok {
			break
		}
		c.Source = source
		if !ln.TrustsForwarded(source.Addr()) {
			c.Shared = false
			break
		}
	}
	return c
}

// fromTheRight returns the entries of the lines of a header, the last one first. The lines are one list:
// RFC 9110, section 5.3.
func fromTheRight(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for more := true; more; {
				entry, comma := line, strings.LastIndexByte(line, ',')
				if more = comma >= 0; more {
					line, entry = line[:comma], line[comma+1:]
				}
				if !yield(strings.Trim(entry, " \t")) {
					return
				}
			}
		}
	}
}

// parseForwarded parses an entry of X-Forwarded-For: an IP address, which may have a port (Azure adds one),
// with IPv6 in brackets or not, and quotes around all of it. IPv4 is unmapped.
func parseForwarded(s string) (netip.AddrPort, bool) {
	if inner, ok := strings.CutPrefix(s, `"`); ok {
		if s, ok = strings.CutSuffix(inner, `"`); !ok {
			return netip.AddrPort{}, false
		}
	}
	host, port := s, ""
	bracketed := strings.HasPrefix(s, "[")
	switch {
	case bracketed:
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return netip.AddrPort{}, false
		}
		host, port = s[1:end], s[end+1:]
	case strings.Count(s, ":") == 1: // IPv6 has more of them
		colon := strings.IndexByte(s, ':')
		host, port = s[:colon], s[colon:]
	}
	a, err := netip.ParseAddr(host)
	if err != nil || bracketed && !a.Is6() {
		return netip.AddrPort{}, false
	}
	number := uint64(0)
	if port != "" {
		digits, ok := strings.CutPrefix(port, ":")
		if number, err = strconv.ParseUint(digits, 10, 16); !ok || err != nil {
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(number)), true
}
