package opening

import (
	"net"
	"net/url"
	"strings"

	"mqttlb/proxy/snapshot"
)

// matchOrigin reports whether the Origin of a web page matches a pattern of
// Route.Origins. Most are scheme and host, with a port unless it is the scheme's own. A page without an
// address of its own has the origin null, and a page in an app a scheme of the app, often without a host.
func matchOrigin(pattern, origin string) bool {
	if strings.EqualFold(pattern, origin) {
		return true
	}
	want, host, ok := strings.Cut(pattern, "://")
	u, err := url.Parse(origin)
	if !ok || err != nil || !strings.EqualFold(u.Scheme, want) || u.Hostname() == "" {
		return false
	}
	name, port := host, ""
	if n, p, err := net.SplitHostPort(host); err == nil {
		name, port = n, p
	}
	own := u.Port()
	if u.Scheme == "https" && own == "443" || u.Scheme == "http" && own == "80" {
		own = ""
	}
	return name != "" && own == port && snapshot.MatchHost(name, u.Hostname())
}
