package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"mqttlb/proxy/snapshot"
)

// Options of a Handler.
type Options struct {
	// Routes are tried in order; the first that matches takes the request. The
	// last has no Host and no Path; without such a one the rest is answered 404.
	Routes []Route

	MaxRequestSize int64         // bytes of a request's body; 0: no limit
	DialTimeout    time.Duration // for each node tried, TLS included; 0: the system's, and none for TLS
	ConnectTimeout time.Duration // for all of them, tried again while one timed out; 0: each is tried once

	// BodyTimeout is how long the body of a request may keep us waiting, at once and in
	// all, and MinBodyRate gives it a second more for so many bytes; 0: no limit, and
	// no more time.
	BodyTimeout time.Duration
	MinBodyRate int

	// ResponseTimeout is the time from the end of a request to a node to the header of
	// its response; 0: no limit. One write to a client or a node has as long, and a
	// second more for MinBodyRate bytes; 0: stallTimeout.
	ResponseTimeout time.Duration

	// TunnelTimeout is how long an upgraded connection may be silent in both
	// directions, and a node within the body of its response; 0: no limit.
	TunnelTimeout time.Duration

	HalfClosedTimeout time.Duration // the same for a tunnel of which one side has ended its stream; 0: TunnelTimeout

	// TimedOut is told of a request that came to BodyTimeout, TunnelTimeout or
	// HalfClosedTimeout, which end its connection. It must not block. Nil: nobody is
	// told.
	TimedOut func(r *http.Request, why string)

	// Announce formats the PROXY header of a version that names a client to a
	// node. Called for pools with SendProxy alone.
	Announce func(version int, source, destination netip.AddrPort) ([]byte, error)

	Log *slog.Logger // hears of requests that fail, at debug; nil: nobody does

	// Answers counts the requests that are answered here. Handlers that follow each other may share it; nil: the handler
	// has its own.
	Answers *Answers
}

// Handler is a reverse proxy. A request's RemoteAddr is taken for the client's
// address, and the context's http.LocalAddrContextKey for the one it came to.
//
// A request ends when its client is gone or its context is done. That holds for
// an upgraded connection, too, of which its http.Server knows nothing any more:
// who wants them to end cancels the server's BaseContext.
type Handler struct {
	options    Options
	transports map[*Pool][]*http.Transport // by the Index of their nodes
	write      Pace                        // of one write to a client or a node
	answers    *Answers
}

// NewHandler returns a handler. It starts nothing: connections to nodes are made
// as requests come.
func NewHandler(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{options: o, transports: map[*Pool][]*http.Transport{}}
	h.answers = cmp.Or(o.Answers, new(Answers))
	h.write = Pace{cmp.Or(o.ResponseTimeout, stallTimeout), o.MinBodyRate}
	for _, route := range o.Routes {
		if h.transports[route.Pool] == nil {
			h.transports[route.Pool] = h.newTransports(route.Pool)
		}
	}
	return h
}

// ServeHTTP takes a request to a node and the response back, or says in one line
// of plain text why not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := h.newClientBody(w, r)
	defer body.leave()
	switch {
	case r.Method == http.MethodConnect:
		// A tunnel to an address of the client's choice is what an open proxy is.
		w.Header().Set("Allow", allow)
		h.answer(w, body, http.StatusMethodNotAllowed, "CONNECT is not served: this is no forward proxy")
	case r.RequestURI == "*" && r.Method == http.MethodOptions:
		// It asks about a server, not a resource of one: we are the server.
		if !body.rest() {
			h.answer(w, body, http.StatusNoContent, "")
			return
		}
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	case !strings.HasPrefix(r.URL.Path, "/") && r.URL.Host == "":
		h.answer(w, body, http.StatusBadRequest, "the request's target is neither a path nor a URL")
	case r.URL.Scheme != "" && r.URL.Scheme != "http" && r.URL.Scheme != "https":
		h.answer(w, body, http.StatusBadRequest, "the request's URL is not of http or https")
	default:
		h.forward(w, r, body)
	}
}

// allow is the methods of every resource, as far as we know.
const allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

// forward takes a request to the pool of its route. An absolute URL counts for its
// host alone, and only to choose the route: RFC 9112 section 3.2.2.
func (h *Handler) forward(w http.ResponseWriter, r *http.Request, body *clientBody) {
	pool := h.route(r)
	if pool == nil {
		h.answer(w, body, http.StatusNotFound, "nothing is served at this host and path")
		return
	}
	if limit := h.options.MaxRequestSize; limit > 0 {
		if r.ContentLength > limit {
			h.refuse(w, http.StatusRequestEntityTooLarge, tooLarge(limit))
			return
		}
	}
	x := newExchange(h, pool, w, r, body)
	defer x.end()
	x.serve()
}

func (h *Handler) route(r *http.Request) *Pool {
	for i := range h.options.Routes {
		route := &h.options.Routes[i]
		if snapshot.MatchHost(route.Host, r.Host) && snapshot.MatchPath(route.Path, r.URL.Path) {
			return route.Pool
		}
	}
	return nil
}

// Close frees the connections to nodes that wait for a request. Requests that are
// under way go on, and their connections close after them.
func (h *Handler) Close() {
	for _, transports := range h.transports {
		for _, t := range transports {
			t.CloseIdleConnections()
		}
	}
}
