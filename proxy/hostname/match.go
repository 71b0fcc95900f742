package hostname

import "strings"

// Match reports whether the host of a client, with or without a port, matches a pattern. "" matches every host,
// "*.example.com" every name below example.com but not example.com, "ws.*" every name that begins with "ws.", and any other
// pattern only that name. Both are compared in the spelling of [Canonical].
func Match(pattern, host string) bool {
	return pattern == "" || MatchCanonical(Canonical(pattern), Canonical(host))
}

// MatchCanonical is Match for a pattern, which is not empty, and a host that are in the spelling of Canonical already.
func MatchCanonical(pattern, host string) bool {
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
		c := host[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}
