package proxy

import (
	"fmt"
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// PoolRoute is the way of a client through a pool, now.
type PoolRoute struct {
	Ways      []PoolWay // those that lead to the pool, in the order of the listeners and of their routes
	Pool      string
	Algorithm balancer.Algorithm
	HashKey   balancer.HashKey
	Key       uint64 // the hash of the field; valid only if Keyed
	Keyed     bool   // the field decides
	Note      string // why the choice is not certain, or why there is none; empty: it is

	// Choices are the candidates in the order in which they are tried, and then the other nodes.
	// Without Keyed, no node is chosen.
	Choices []balancer.Choice
}

// PoolWay is a way through a listener to a pool.
type PoolWay struct {
	Listener string
	Route    string // that takes the client, such as "routes[2]"; empty: it goes where all go that no route takes
	Takes    string // what the route takes, as it is written; empty without Route
	Routed   bool   // the listener has routes for sessions

	// Undecided are the conditions of the route about what is not known of the client. Sure says that neither they nor
	// those of a route before it leave a doubt.
	Undecided []string
	Sure      bool
}

// Route explains which node a client would get now, for each pool to which a listener may send it. It changes nothing. It may be
// called from any goroutine.
func (srv *Server) Route(q *Question) []PoolRoute {
	type end struct {
		pool   *snapshot.Pool
		opaque bool
	}
	g := srv.current.Load()
	var ends []end
	ways := map[end][]PoolWay{}
	for _, ln := range g.Listeners {
		if q.Listener != "" && q.Listener != ln.Name {
			continue
		}
		sure := true
		for _, w := range ln.Ways(&q.Question) {
			sure = sure && len(w.Undecided) == 0
			e, way := end{w.Pool, ln.Opaque()}, PoolWay{Listener: ln.Name, Routed: ln.HasRoutes(), Undecided: w.Undecided, Sure: sure}
			if w.Route != nil {
				way.Route, way.Takes = w.Route.Name, w.Route.Takes
			}
			if ways[e] == nil {
				ends = append(ends, e)
			}
			ways[e] = append(ways[e], way)
		}
	}
	routes := make([]PoolRoute, 0, len(ends))
	for _, e := range ends {
		r := routeThrough(e.pool, e.opaque, q)
		r.Ways = ways[e]
		routes = append(routes, r)
	}
	return routes
}

// routeThrough explains the way of a client through a pool. opaque says that the listeners do not
// read the CONNECT.
func routeThrough(p *snapshot.Pool, opaque bool, q *Question) PoolRoute {
	r := PoolRoute{Pool: p.Name, Algorithm: p.Algorithm, HashKey: p.HashKey}
	facts := q.Facts
	facts.TLS = &tlsterm.Info{ServerName: facts.ServerName}
	known := q.Known.Has(keyFact[p.HashKey])
	if opaque {
		facts.Connect, known = nil, q.Known.Has(snapshot.KnownAddress)
	}
	switch {
	case p.HashKey == balancer.NoKey:
		r.Note = fmt.Sprintf("the identifier does not decide: algorithm %v hashes no field of the client", p.Algorithm)
	case opaque && !known:
		r.Note = "the identifier does not decide: these listeners do not read it, and the client's address is hashed"
	case p.HashKey != balancer.ByClientID && !known:
		r.Note = fmt.Sprintf("the identifier does not decide: the pool hashes %v", p.HashKey)
	default:
		if r.Key, r.Keyed = opening.SessionKey(p, facts.Connect, facts.Address, facts.TLS); !r.Keyed {
			r.Note = "a client without an identifier goes to the less loaded of two random nodes"
		}
	}
	r.Choices = p.Explain(balancer.Client{Key: r.Key, Keyed: r.Keyed, Persistent: q.Persistent})
	switch {
	case p.Undiscovered && len(r.Choices) == 0:
		r.Note = "the nodes of the pool are not known yet, as its discovery has given no answer: a session waits for them, up to timeouts.connect_node"
	case p.Undiscovered:
		r.Note = "only these nodes are known yet, as the discovery of the pool has given no answer"
	case len(r.Choices) == 0:
		r.Note = "the pool has no nodes: the client is refused"
	case r.Keyed && !slices.ContainsFunc(r.Choices, func(c balancer.Choice) bool { return c.Chosen }):
		r.Note = "no node can take the session now: the client is refused"
	}
	return r
}

// keyFact is what must be known for the key of a pool.
var keyFact = map[balancer.HashKey]snapshot.Known{
	balancer.ByUsername: snapshot.KnownUsername, balancer.BySourceIP: snapshot.KnownAddress, balancer.BySNI: snapshot.KnownSNI,
}
