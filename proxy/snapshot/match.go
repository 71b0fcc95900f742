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
func MatchHost(pattern, host string) bool { return hostname.Match(pattern, host) }

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
