package snapshot

import (
	"net"
	"strings"
)

// MatchHost reports whether a request's Host, with or without a port, matches a pattern.
// "" matches every host, "*.example.com" every name below example.com but not
// example.com, "ws.*" every name that begins with "ws.", and any other pattern only that
// name. Case and a final dot do not count.
func MatchHost(pattern, host string) bool {
	if pattern == "" {
		return true
	}
	pattern, host = hostname(pattern), hostname(host)
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(host) > len(prefix) && strings.HasPrefix(host, prefix)
	}
	return host == pattern
}

// MatchPath reports whether the path of a request, as routedPath returns it, matches a pattern. "" matches every
// path, a pattern that ends in "/" every path that begins with it, and any other pattern
// only that path.
func MatchPath(pattern, path string) bool {
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(path, pattern)
	}
	return pattern == "" || path == pattern
}

// hostname returns the name in a Host field, normalized for comparison.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
