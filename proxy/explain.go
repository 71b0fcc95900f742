package proxy

import (
	"fmt"
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// PoolRoute is the way of a client identifier through a pool, now.
type PoolRoute struct {
	Listeners []string // those that lead to the pool, by name
	Pool      string
	Algorithm balancer.Algorithm
	HashKey   balancer.HashKey
	Key       uint64 // the hash of the identifier; valid only if Keyed
	Keyed     bool   // the identifier decides
	Note      string // why the choice is not certain, or why there is none; empty: it is

	// Choices are the candidates in the order in which they are tried, and then the other nodes.
	// Without Keyed, no node is chosen.
	Choices []balancer.Choice
}

// Route explains which node a client with the identifier would get now, for each pool that may carry
// sessions of a listener. sni is the name that the client asks for in TLS, which limits the listeners and pools to those
// that it can get; empty: all. persistent says that the client has a persistent session. It changes nothing. It may be
// called from any goroutine.
func (srv *Server) Route(clientID, sni string, persistent bool) []PoolRoute {
	type way struct {
		pool   *snapshot.Pool
		opaque bool
	}
	g := srv.current.Load()
	var ways []way
	listeners := map[way][]string{}
	for _, ln := range g.Listeners {
		pools := ln.SessionPools()
		if sni != "" {
			pools = ln.SessionPoolsOf(sni)
		}
		for _, p := range pools {
			w := way{p, ln.Opaque()}
			if listeners[w] == nil {
				ways = append(ways, w)
			}
			listeners[w] = append(listeners[w], ln.Name)
		}
	}
	routes := make([]PoolRoute, 0, len(ways))
	for _, w := range ways {
		routes = append(routes, routeThrough(w.pool.Pool, w.opaque, clientID, persistent, listeners[w]))
	}
	return routes
}

// routeThrough explains the way of an identifier through a pool. opaque says that the listeners do not
// read the identifier.
func routeThrough(p *balancer.Pool, opaque bool, clientID string, persistent bool, listeners []string) PoolRoute {
	r := PoolRoute{Listeners: listeners, Pool: p.Name, Algorithm: p.Algorithm, HashKey: p.HashKey}
	switch {
	case p.HashKey == balancer.NoKey:
		r.Note = fmt.Sprintf("the identifier does not decide: algorithm %v hashes no field of the client", p.Algorithm)
	case opaque:
		r.Note = "the identifier does not decide: these listeners do not read it, and the client's address is hashed"
	case p.HashKey != balancer.ByClientID:
		r.Note = fmt.Sprintf("the identifier does not decide: the pool hashes %v", p.HashKey)
	case clientID == "":
		r.Note = "a client without an identifier goes to the less loaded of two random nodes"
	default:
		r.Key, r.Keyed = balancer.Hash([]byte(clientID)), true
	}
	r.Choices = p.Explain(balancer.Client{Key: r.Key, Keyed: r.Keyed, Persistent: persistent})
	if r.Keyed && !slices.ContainsFunc(r.Choices, func(c balancer.Choice) bool { return c.Chosen }) {
		r.Note = "no node can take the session now: the client is refused"
	}
	return r
}
