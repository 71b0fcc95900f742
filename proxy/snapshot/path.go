package snapshot

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"mqttlb/proxy/match"
)

// A route may be a security boundary, so the path that is routed and the path that a node gets are one and the same, in one
// normal form: RFC 3986 section 6.2.2, without empty segments. An encoded slash stays encoded, since a segment may be a topic.

// The errors of paths that have no normal form.
var (
	errPathEscape    = errors.New("a % begins two hexadecimal digits")
	errPathNUL       = errors.New("%00 is not allowed")
	errPathCharacter = errors.New(`it has a character that must be encoded, such as \ or #`)
	errPathClimbs    = errors.New("it climbs above the root")
	errPathDots      = errors.New("it hides . or .. behind an encoded slash, a second encoding or a parameter: some servers would climb")
	errPathRelative  = errors.New("it does not begin with /")
	errTarget        = errors.New("the request's target is neither a path nor a URL with a host")
	errTargetHost    = errors.New("the host of the request's target has a character that a Host field cannot have")
)

const (
	hexDigits  = "0123456789ABCDEF"
	encodedBar = "%2F"
	encodedBSl = "%5C"
	encodedSem = "%3B"
)

// NormalPath returns the normal form of a path as it was sent, with its escapes. Unreserved characters are decoded, and those
// that a path cannot have are encoded; . and .. are resolved, and empty segments are left out.
func NormalPath(escaped string) (string, error) {
	if escaped == "" {
		return "/", nil // RFC 9112, 3.2.2
	}
	if escaped[0] != '/' {
		return "", errPathRelative
	}
	path, err := normalEscapes(escaped)
	if err != nil {
		return "", err
	}
	var kept []string
	segments := strings.Split(path[1:], "/")
	for _, s := range segments {
		switch {
		case s == "" || s == ".":
		case s == ".." && len(kept) == 0:
			return "", errPathClimbs
		case s == "..":
			kept = kept[:len(kept)-1]
		case hidesDots(s):
			return "", errPathDots
		default:
			kept = append(kept, s)
		}
	}
	normal := "/" + strings.Join(kept, "/")
	if last := segments[len(segments)-1]; len(kept) > 0 && (last == "" || last == "." || last == "..") {
		normal += "/"
	}
	return normal, nil
}

// normalEscapes makes the escapes of a path those of the normal form.
func normalEscapes(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", errPathEscape
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
			switch {
			case c == 0:
				return "", errPathNUL
			case isUnreserved(c):
				b.WriteByte(c)
			default:
				b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&0xF]})
			}
		case c <= ' ' || c == 0x7f || c == '\\' || c == '#' || c == '?':
			return "", errPathCharacter
		case isUnreserved(c) || strings.IndexByte("/!$&'()*+,;=:@", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&0xF]})
		}
	}
	return b.String(), nil
}

// hidesDots reports whether a segment has a part that is . or .. for a server that decodes slashes or decodes twice, takes \ for
// a slash, or ignores parameters.
func hidesDots(segment string) bool {
	if !strings.ContainsAny(segment, "%;") {
		return false
	}
	for _, reading := range []string{barred.Replace(segment), decodedTwice(segment)} {
		for part := range strings.SplitSeq(reading, "/") {
			part, _, _ = strings.Cut(part, ";")
			if part == "." || part == ".." {
				return true
			}
		}
	}
	return false
}

// decodedTwice returns a path in normal form as some servers read it; empty if they cannot.
func decodedTwice(normal string) string {
	path, _ := url.PathUnescape(strings.ReplaceAll(normal, "%25", "%"))
	return strings.ReplaceAll(path, `\`, "/")
}

// barred decodes what some servers take for a slash or a parameter.
var barred = strings.NewReplacer(encodedBar, "/", encodedBSl, "/", encodedSem, ";")

// routedPath returns the path that is compared with those of routes: in the normal form, decoded except for encoded slashes.
func routedPath(u *url.URL) string {
	if u.RawPath == "" {
		return u.Path
	}
	path, err := url.PathUnescape(strings.ReplaceAll(u.RawPath, encodedBar, "%252F"))
	if err != nil {
		return u.Path
	}
	return path
}

// RoutePath returns the form of a route's path for comparison.
func RoutePath(path string) string {
	normal, err := NormalPath(path)
	if path == "" || err != nil {
		return path
	}
	return routedPath(&url.URL{Path: path, RawPath: normal})
}

// Target gives the request's URL the normal form of its path and returns the route for it, or nil. The error is of a path that
// has no normal form, or one that some servers would read as a path of another route, or of a target that has no path.
func (ln *Listener) Target(r *http.Request, f match.Facts) (*Route, error) {
	if r.Method == http.MethodConnect || r.URL.Path == "*" {
		return ln.RouteOf(r, f), nil
	}
	switch {
	case r.URL.Opaque != "": // as http:a, of which a node would get "a" whatever the path is
		return nil, errTarget
	case !httpguts.ValidHostHeader(r.URL.Host): // net/http checks only the field
		return nil, errTargetHost
	}
	sent := r.URL.RawPath // not EscapedPath, which decodes slashes when another character is not encoded
	if sent == "" {
		sent = r.URL.EscapedPath()
	}
	normal, err := NormalPath(sent)
	if err != nil {
		return nil, fmt.Errorf("path %.100q: %w", sent, err)
	}
	decoded, err := url.PathUnescape(normal)
	if err != nil {
		return nil, fmt.Errorf("path %.100q: %w", sent, errPathEscape)
	}
	r.URL.Path, r.URL.RawPath = decoded, normal
	for _, path := range otherReadings(normal) {
		other := *r
		other.URL = &url.URL{Path: path}
		if !ln.sameCandidates(r, &other, f) {
			return nil, fmt.Errorf("path %.100q: some servers would read it as %.100q, which goes elsewhere", sent, path)
		}
	}
	return ln.RouteOf(r, f), nil
}

// otherReadings returns the paths for which servers may take a path in normal form: they decode slashes or decode twice, take \
// for a slash, ignore parameters, or dots and spaces at the end of a segment.
func otherReadings(normal string) (paths []string) {
	if !strings.ContainsAny(normal, "%;.") {
		return nil
	}
	slashes := barred.Replace(normal)
	readings := []string{slashes, withoutParameters(normal), withoutParameters(slashes), withoutEnds(slashes), withoutEnds(withoutParameters(slashes))}
	if twice := decodedTwice(normal); twice != "" {
		paths = append(paths, withoutEmpty(twice))
	}
	for _, reading := range readings {
		if reading == normal {
			continue
		}
		if decoded, err := url.PathUnescape(reading); err == nil {
			paths = append(paths, withoutEmpty(decoded))
		}
	}
	return paths
}

// eachSegment changes every segment of a path.
func eachSegment(path string, change func(string) string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = change(s)
	}
	return strings.Join(segments, "/")
}

func withoutParameters(path string) string {
	return eachSegment(path, func(s string) string {
		s, _, _ = strings.Cut(s, encodedSem)
		s, _, _ = strings.Cut(s, ";")
		return s
	})
}

func withoutEnds(path string) string {
	return eachSegment(path, func(s string) string {
		for cut := true; cut; {
			before := len(s)
			s = strings.TrimSuffix(strings.TrimRight(s, "."), "%20")
			cut = len(s) < before
		}
		return s
	})
}

// withoutEmpty leaves out empty segments.
func withoutEmpty(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
