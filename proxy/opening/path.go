package opening

import (
	"net/url"
	"strings"
	"unicode"

	"mqttlb/proxy/snapshot"
)

// nodeTarget returns the path and query of the upgrade that a node gets: the client's path, or that of the pool, and
// the client's query. The path is the one that the route was chosen by, not another spelling of it.
func nodeTarget(p *snapshot.Pool, u *url.URL) string {
	path := p.Path
	if path == "" {
		path = u.EscapedPath()
		if !isNormal(path) {
			path = (&url.URL{Path: u.Path}).EscapedPath()
		}
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path
}

// isNormal reports whether a path can be read in one way only. A node that resolves dot segments, joins slashes or
// decodes more than we do might otherwise serve another resource than one below the path of the route.
func isNormal(escaped string) bool {
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		name, _, _ := strings.Cut(decoded, ";") // some servers cut parameters off
		switch {
		case err != nil, name == ".", name == "..":
			return false
		case decoded == "" && i < len(segments)-1:
			return false
		case strings.ContainsAny(decoded, `/\%`), strings.ContainsFunc(decoded, unicode.IsControl), hidesLetters(segment):
			return false
		}
	}
	return true
}

// hidesLetters reports whether a segment has an escape that a normal path does not need (RFC 3986, 6.2.2.2).
func hidesLetters(segment string) bool {
	for i := strings.IndexByte(segment, '%'); i >= 0 && i+2 < len(segment); {
		c, _ := url.PathUnescape(segment[i : i+3])
		if strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == "" {
			return true
		}
		next := strings.IndexByte(segment[i+1:], '%')
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}
