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
	if ln.Network == "unix" {
		return true
	}
	peer = peer.Unmap()
	for _, p := range ln.Trusted {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// Opaque reports whether the listener relays bytes without reading a CONNECT.
func (ln *Listener) Opaque() bool { return ln.Protocol.Opaque() }

// ForServerName returns the pool for TLS clients that ask for name.
func (ln *Listener) ForServerName(name string) *Pool {
	for i := range ln.Routes {
		if r := &ln.Routes[i]; name != "" && MatchHost(r.Host, name) {
			return r.Pool
		}
	}
	return ln.Pool
}

// RouteOf returns the first route that matches the request, whose path is in its normal form, or nil. The host of an
// absolute URL goes before the Host field: RFC 9112 section 3.2.2.
func (ln *Listener) RouteOf(r *http.Request) *Route {
	at := routedPath(r.URL)
	for i := range ln.Routes {
		route := &ln.Routes[i]
		path := MatchPath(route.Path, at)
		if route.WebSocket {
			path = at == route.Path // the upgrade is one resource
		}
		if path && MatchHost(route.Host, r.Host) {
			return route
		}
	}
	return nil
}

// SessionPools returns the pools of the listener's sessions, which are those that do not
// speak HTTP.
func (ln *Listener) SessionPools() []*Pool {
	var pools []*Pool
	if ln.Protocol == MQTT || ln.Opaque() {
		pools = append(pools, ln.Pool)
	}
	for i := range ln.Routes {
		if r := &ln.Routes[i]; (r.WebSocket || ln.Protocol == Passthrough) && !slices.Contains(pools, r.Pool) {
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
