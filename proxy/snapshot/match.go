package snapshot

import (
	"strings"

	"mqttlb/proxy/hostname"
)

// MatchHost reports whether a request's Host, with or without a port, matches a pattern.
// "" matches every host, "*.example.com" every name below example.com but not
// example.com, "ws.*" every name that begins with "ws.", and any other pattern only that
// name. Both are compared in the spelling of [hostname.Canonical]: case, a root dot and the
// choice between A-labels and U-labels do not count.
func MatchHost(pattern, host string) bool {
	if pattern == "" {
		return true
	}
	pattern, host = hostname.Canonical(pattern), hostname.Canonical(host)
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix) && isName(host)
	}
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(host) > len(prefix) && strings.HasPrefix(host, prefix) && isName(host)
	}
	return host == pattern
}

// isName reports whether a host has only characters of names. Of others, such as evil:1:.example.com, servers may read
// only a part, and a Host field can have them.
func isName(host string) bool {
	for i := range len(host) {
		if c := host[i]; !isUnreserved(c) || c == '~' {
			return false
		}
	}
	return true
}

// matchSNI reports whether the name that a client asks for in TLS, empty if none, matches a pattern of [MatchHost].
func matchSNI(pattern, name string) bool {
	return pattern == "" || name != "" && MatchHost(pattern, name)
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

// MatchUpgrade reports whether the path of an upgrade to WebSocket, as routedPath returns it, matches a pattern: one that ends in "/*"
// matches every path below, as /ws/ and /ws/a for "/ws/*", and any other pattern only that path.
func MatchUpgrade(pattern, path string) bool {
	if below, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(below, "/") {
		return strings.HasPrefix(path, below)
	}
	return path == pattern
}
