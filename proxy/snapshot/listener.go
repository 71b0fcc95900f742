package snapshot

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
)

// Trusts reports whether the listener believes a PROXY header from peer.
func (ln *Listener) Trusts(peer netip.Addr) bool {
	if !ln.AcceptProxy {
		return false
	}
	return ln.Network == "unix" || ln.isProxy(peer)
}

// TrustsForwarded reports whether the listener believes an X-Forwarded-For from a peer, which is not valid
// on a Unix socket.
func (ln *Listener) TrustsForwarded(peer netip.Addr) bool {
	return ln.ForwardedFor && (!peer.IsValid() || ln.isProxy(peer))
}

// isProxy reports whether an address is one of Trusted.
func (ln *Listener) isProxy(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(ln.Trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Opaque reports whether the listener relays bytes without reading a CONNECT.
func (ln *Listener) Opaque() bool { return ln.Protocol.Opaque() }

// ForServerName returns the pool of an MQTT, TCP or Passthrough listener for the clients that ask for name in their TLS
// handshake; empty: for those that ask for none, and those without TLS.
func (ln *Listener) ForServerName(name string) *Pool {
	for i := range ln.Routes {
		if r := &ln.Routes[i]; matchSNI(r.SNI, name) {
			return r.Pool
		}
	}
	return ln.Pool
}

// RouteOf returns the first route that matches the request, whose path is in its normal form, or nil. The host of an
// absolute URL goes before the Host field: RFC 9112 section 3.2.2.
func (ln *Listener) RouteOf(r *http.Request) *Route {
	name := ""
	if r.TLS != nil {
		name = r.TLS.ServerName
	}
	at := routedPath(r.URL)
	for i := range ln.Routes {
		route := &ln.Routes[i]
		if !matchSNI(route.SNI, name) {
			continue
		}
		path := MatchPath(route.Path, at)
		if route.WebSocket {
			path = MatchUpgrade(route.Path, at)
		}
		if path && MatchHost(route.Host, r.Host) {
			return route
		}
	}
	return nil
}

// UpgradePaths lists the paths of the listener's routes to WebSocket.
func (ln *Listener) UpgradePaths() []string {
	var paths []string
	for i := range ln.Routes {
		if r := &ln.Routes[i]; r.WebSocket {
			paths = append(paths, r.Path)
		}
	}
	return paths
}

// SessionPools returns the pools of the listener's sessions, which are those that do not
// speak HTTP.
func (ln *Listener) SessionPools() []*Pool {
	var pools []*Pool
	if ln.Protocol == MQTT || ln.Opaque() {
		pools = append(pools, ln.Pool)
	}
	for i := range ln.Routes {
		if r := &ln.Routes[i]; (r.WebSocket || !ln.ServesHTTP()) && !slices.Contains(pools, r.Pool) {
			pools = append(pools, r.Pool)
		}
	}
	return pools
}

// SessionPoolsOf returns those of SessionPools that clients can get that ask for name in their TLS handshake: one, or on an
// HTTP listener one for each host and path. A listener that sees no TLS has none.
func (ln *Listener) SessionPoolsOf(name string) []*Pool {
	if ln.TLS == nil && ln.Protocol != Passthrough {
		return nil
	}
	if !ln.ServesHTTP() {
		return []*Pool{ln.ForServerName(name)}
	}
	var pools []*Pool
	for i := range ln.Routes {
		r := &ln.Routes[i]
		takesBefore := func(e Route) bool {
			path := e.Path == r.Path || !e.WebSocket && MatchPath(e.Path, r.Path)
			return path && matchSNI(e.SNI, name) && (e.Host == "" || e.Host == r.Host)
		}
		if r.WebSocket && matchSNI(r.SNI, name) && !slices.Contains(pools, r.Pool) && !slices.ContainsFunc(ln.Routes[:i], takesBefore) {
			pools = append(pools, r.Pool)
		}
	}
	return pools
}

// ForwardsTLVs reports whether a pool of the listener passes on TLVs of a trusted proxy.
func (ln *Listener) ForwardsTLVs() bool {
	return ln.Pool != nil && ln.Pool.ForwardTLVs != 0 ||
		slices.ContainsFunc(ln.Routes, func(r Route) bool { return r.Pool.ForwardTLVs != 0 })
}

// ServesHTTP reports whether the listener's clients may speak HTTP.
func (ln *Listener) ServesHTTP() bool { return ln.Protocol == WS || ln.Protocol == HTTP }

// ReserveOf returns how many of all places only connections of the listener can take.
func (ln *Listener) ReserveOf(places int64) int64 {
	r := int64(ln.Reserve)
	if r < 0 {
		r = places / 100 * -r // without an overflow if there is no limit
		r += places % 100 * int64(-ln.Reserve) / 100
	}
	return min(r, ln.Limit(), places)
}

// Limit returns the limit for connections of the listener.
func (ln *Listener) Limit() int64 {
	if ln.MaxConnections > 0 {
		return int64(ln.MaxConnections)
	}
	return math.MaxInt64
}
