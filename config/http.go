package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Values of HTTP: paths, hosts, origins, names of headers and cookies.

// parsePath parses the path of a request. Paths are compared in a normal form, in which a request has no empty segment and
// neither . nor ..
func parsePath(s string) (string, error) {
	if !isTarget(s) || strings.Contains(s, "?") {
		return "", fmt.Errorf("%s is not a path; write one, as /mqtt, in ASCII without spaces, ? or #", quote(s))
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return "", fmt.Errorf("%s is not a path: a %% begins two hexadecimal digits", quote(s))
	}
	if strings.Contains(s, "//") || strings.Contains(s, "\\") || strings.Contains(s+"/", "/./") || strings.Contains(s+"/", "/../") {
		return "", fmt.Errorf("%s matches no request: the path of a request is compared without //, . and .., and has no \\", quote(s))
	}
	return s, nil
}

// parseUpgradePath parses a path of an upgrade: /ws/* is every path below /ws/.
func parseUpgradePath(s string) (string, error) {
	path, err := parsePath(s)
	if i := strings.IndexByte(path, '*'); i >= 0 && (i < len(path)-1 || !strings.HasSuffix(path, "/*")) {
		return "", fmt.Errorf("%s has a star that is not its last segment; write a path, as /mqtt, or all paths below one, as /ws/*", quote(s))
	}
	return path, err
}

// parseNodePath parses a Pool.Path.
func parseNodePath(s string) (string, error) {
	if s == PathKeep {
		return s, nil
	}
	if path, err := parsePath(s); err == nil && !strings.Contains(path, "*") {
		return path, nil
	}
	return "", fmt.Errorf("%s is neither %s nor a path; write one, as /ws, in ASCII without spaces, *, ? or #: the query is the client's", quote(s), PathKeep)
}

// parseTarget parses a path that may have a query (RFC 9112, 3.2.1).
func parseTarget(s string) (string, error) {
	if !isTarget(s) {
		return "", fmt.Errorf("%s is not a path; write one, as /status or /status?format=json, in ASCII without spaces or #", quote(s))
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return "", fmt.Errorf("%s is not a path: a %% begins two hexadecimal digits", quote(s))
	}
	return s, nil
}

func isTarget(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '#' })
}

// parseHostPattern parses a Route.Host or Route.SNI.
func parseHostPattern(s string) (string, error) {
	if ip, ok := parseIP(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); ok && ip.Zone() == "" {
		return ip.String(), nil
	}
	if s == "*" {
		return "", errors.New("\"*\" is any host; leave the setting out for that")
	}
	host := strings.ToLower(strings.TrimSuffix(toALabels(s), "."))
	if strings.HasSuffix(host, ".") || !isHostName(openEnds(host)) {
		return "", fmt.Errorf("%s is not a host; write its name or IP address without a port, or a name with an open end, as *.example.com or ws.*", quote(s))
	}
	return host, nil
}

// openEnds replaces the star at one end of a pattern by a label.
func openEnds(pattern string) string {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		return "x." + rest
	}
	if rest, ok := strings.CutSuffix(pattern, ".*"); ok {
		return rest + ".x"
	}
	return pattern
}

// nullOrigin is the origin of a page without an address of its own, such as one in a sandbox or in a file.
const nullOrigin = "null"

// origins returns the field with a list of origins. A null without quotes is the origin, too.
func origins(dst *[]string) field {
	f := scalars("allowed_origins", dst, 1, text(parseOriginPattern))
	decode := f.decode
	f.decode = func(d *decoder, path string, n *yaml.Node) {
		list := *n
		list.Content = slices.Clone(n.Content)
		for i, c := range n.Content {
			if c.Tag == "!!null" && strings.EqualFold(c.Value, nullOrigin) {
				word := *c
				word.Tag = "!!str"
				list.Content[i] = &word
			}
		}
		decode(d, path, &list)
	}
	return f
}

// parseOriginPattern parses the origin of a web page as a browser writes it (RFC 6454,
// 6.2), or with a star for the first labels of its host. Pages in apps have other schemes
// than https, and often no host: capacitor://localhost, file://.
func parseOriginPattern(s string) (string, error) {
	scheme, rest, ok := strings.Cut(strings.ToLower(s), "://")
	if scheme == nullOrigin && !ok {
		return nullOrigin, nil
	}
	if !ok || !isScheme(scheme) {
		return "", fmt.Errorf("%s is not an origin; write scheme and host, as https://app.example.com or https://*.example.com or, for an app, capacitor://localhost, file:// or null", quote(s))
	}
	if secure, ok := map[string]string{"ws": "http", "wss": "https"}[scheme]; ok {
		return "", fmt.Errorf("%s is where a page connects to; its origin is where it was loaded from, as %s://app.example.com", quote(s), secure)
	}
	if scheme != "http" && scheme != "https" && isAppHost(rest) {
		return scheme + "://" + rest, nil
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
		if !isPort(port) {
			return "", fmt.Errorf("%s: port %s is not a number from 1 to 65535", quote(s), quote(port))
		}
	}
	host = toALabels(host)
	name := host
	if strings.HasPrefix(host, "*.") {
		name = openEnds(host)
	}
	if !isHost(name) {
		return "", fmt.Errorf("%s has no host that can be matched; write scheme and host alone, as https://app.example.com or https://*.example.com or, for an app, file://", quote(s))
	}
	origin := scheme + "://" + host
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[scheme] {
		origin += ":" + port
	}
	return origin, nil
}

// isScheme reports whether s, in lower case, is a scheme (RFC 3986, 3.1).
func isScheme(s string) bool {
	return s != "" && 'a' <= s[0] && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// isAppHost reports whether s may stand behind the scheme of an app, where only the app decides: nothing, as in file://,
// a dot, the identifier of an extension.
func isAppHost(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
}

// isPort reports whether s is a port in its usual spelling.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && isDecimal(s)
}

// isHost reports whether s is a host name or an IP address, IPv6 in brackets.
func isHost(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ok && err == nil && ip.Is6() && ip.Zone() == ""
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4() || isHostName(s)
}

// parseHostHeader parses a Host header: a host, and optionally a port.
func parseHostHeader(s string) (string, error) {
	host := s
	port := "80"
	if _, p, err := net.SplitHostPort(s); err == nil {
		host, port = strings.TrimSuffix(s, ":"+p), p
	}
	name := toALabels(host)
	if !isHost(name) || !isPort(port) {
		return "", fmt.Errorf("%s is not a host; write one, as status.example.com or status.example.com:8080", quote(s))
	}
	return name + strings.TrimPrefix(s, host), nil
}

// parseCookieName parses the name of a cookie (RFC 6265, 4.1.1).
func parseCookieName(s string) (string, error) {
	if !isToken(s) {
		return "", fmt.Errorf("%s is not the name of a cookie; write one, as mqttlb, of letters, digits and any of . - _", quote(s))
	}
	return s, nil
}

// parseForwardHeader parses the name of a header that a node may get from the client. It
// refuses headers that the balancer writes itself, and those that say where a message
// ends or who sent it, because a client could forge them.
func parseForwardHeader(s string) (string, error) {
	if !isToken(s) {
		return "", fmt.Errorf("%s is not the name of a header; write one, as User-Agent", quote(s))
	}
	name := textproto.CanonicalMIMEHeaderKey(s)
	if ownHeaders[name] || strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Sec-Websocket-") {
		return "", fmt.Errorf("%s cannot be forwarded: it belongs to the connection, and the balancer writes what a node needs of it", name)
	}
	return name, nil
}

// parseRemoveHeader parses the name of a header that a node does not get. It refuses those without which a request is none.
func parseRemoveHeader(s string) (string, error) {
	if !isToken(s) {
		return "", fmt.Errorf("%s is not the name of a header; write one, as X-Client-IP", quote(s))
	}
	switch name := textproto.CanonicalMIMEHeaderKey(s); {
	case ownHeaders[name] || strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Sec-Websocket-"):
		return "", fmt.Errorf("%s cannot be removed: it belongs to the connection, or the balancer writes it itself", name)
	default:
		return name, nil
	}
}

// ownHeaders are in canonical form. They are the headers of the connection (RFC 9110,
// 7.6.1), of the message's length, and those that name the client.
var ownHeaders = map[string]bool{
	"Connection": true, "Upgrade": true, "Host": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authorization": true,
	"Content-Length": true, "Transfer-Encoding": true, "Te": true, "Trailer": true, "Expect": true,
	"Forwarded": true, "X-Real-Ip": true,
}

// isToken reports whether s is a token (RFC 9110, 5.6.2) of allowed length.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
