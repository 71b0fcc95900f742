package opening

import (
	"crypto/tls"
	"net/http"
	"slices"

	"mqttlb/proxy/match"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// Accepted is an upgrade to WebSocket that a listener accepts: it leads to a pool, or the client's CONNECT will choose one.
type Accepted struct {
	offer Offer
	pool  *snapshot.Pool // nil: the CONNECT chooses it

	listener *snapshot.Listener // the one that has accepted it, whatever a reload makes of it

	forNode *websocket.Request // the upgrade request for a node; nil if the nodes speak plain MQTT, or there is no pool yet
	request *http.Request      // of the client, for the choice of a pool; nil: there is one
	size    int                // of request, in bytes
}

// Accept checks an upgrade request, as CheckUpgrade does. first is the route that [snapshot.Listener.Target] has returned
// for the client. If its CONNECT may choose another route, the request must be one that both accept: it is answered before the
// CONNECT comes.
func Accept(ln *snapshot.Listener, first *snapshot.Route, r *http.Request, f match.Facts) (Accepted, *Rejection) {
	offer, refused := CheckUpgrade(r, first)
	if refused != nil {
		return Accepted{}, refused
	}
	if first.IsCertain() {
		return Accepted{offer: offer, pool: first.Pool, forNode: NodeRequest(first.Pool, r, offer)}, nil
	}
	for route := range ln.Candidates(r, f) {
		if route.SubprotocolOptional == first.SubprotocolOptional && slices.Equal(route.Origins, first.Origins) {
			continue
		}
		if _, refused := checkPage(r, route); refused != nil {
			return Accepted{}, refused
		}
	}
	kept := &http.Request{URL: r.URL, Host: r.Host, Header: r.Header, RemoteAddr: r.RemoteAddr}
	if r.TLS != nil {
		kept.TLS = &tls.ConnectionState{ServerName: r.TLS.ServerName}
	}
	return Accepted{offer: offer, listener: ln, request: kept, size: sizeOf(kept)}, nil
}

// Header returns what the answer to the client has beside the headers of every upgrade.
func (a *Accepted) Header() http.Header { return a.offer.Header() }

// poolFor returns the pool of the client, whose CONNECT has come; nil: no route takes it.
func (a *Accepted) poolFor(f match.Facts) *snapshot.Pool {
	if a.request == nil {
		return a.pool
	}
	route := a.listener.UpgradeRoute(a.request, f)
	if route == nil {
		return nil
	}
	a.pool, a.forNode = route.Pool, NodeRequest(route.Pool, a.request, a.offer)
	a.request, a.size = nil, 0
	return a.pool
}

// sizeOf returns the size in bytes of a request that is kept.
func sizeOf(r *http.Request) int {
	n := len(r.URL.Path) + len(r.URL.RawPath) + len(r.URL.RawQuery) + len(r.Host)
	for name, values := range r.Header {
		n += len(name)
		for _, v := range values {
			n += len(v)
		}
	}
	return n
}
