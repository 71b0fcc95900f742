package opening

import (
	"net/url"

	"mqttlb/proxy/snapshot"
)

// nodeTarget returns the path and query of the upgrade that a node gets: the client's path, or that of the pool, and
// the client's query. The path of u is in the normal form, by which the route was chosen.
func nodeTarget(p *snapshot.Pool, u *url.URL) string {
	path := p.Path
	if path == "" {
		path = u.EscapedPath()
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path
}
