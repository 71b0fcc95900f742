package snapshot

import (
	"math"
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

// HasRoutes reports whether routes of the configuration lead to pools of sessions.
func (ln *Listener) HasRoutes() bool {
	return slices.ContainsFunc(ln.Routes, func(r Route) bool { return r.Name != "" && (r.WebSocket || !ln.ServesHTTP()) })
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
