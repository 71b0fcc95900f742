package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
)

// Options configure a Handler for its whole life.
type Options struct {
	// TimedOut is called for a request that exceeded BodyTimeout, TunnelTimeout or
	// HalfClosedTimeout, which ends its connection. It must not block and may be nil.
	TimedOut func(r *http.Request, why string)

	// Served is called for each request when it is over. It must not block and may be nil.
	Served func(r *http.Request, s Served)

	// Announce formats the PROXY header of a version that names a client to a node. It is
	// only called for pools with SendProxy.
	Announce func(version int, source, destination netip.AddrPort) ([]byte, error)

	// MayDial returns an error for the address of a node to which no request may go; nil: all may.
	MayDial func(to netip.AddrPort) error

	// Answers counts the requests that the balancer answers itself; nil: the handler has
	// counters of its own.
	Answers *Answers

	Log *slog.Logger // logs failed requests at debug; nil discards
}

// Handler is a reverse proxy. A request's RemoteAddr must be the client's address, and
// the context's http.LocalAddrContextKey the address that it connected to.
//
// A request ends when its client leaves or its context is done. This includes upgraded
// connections, which the http.Server no longer tracks: cancel the server's BaseContext to
// end them.
type Handler struct {
	options    Options
	settings   atomic.Pointer[settings]
	transports transports
	answers    *Answers
}

// NewHandler returns a handler with the zero Settings. It opens no connection:
// connections to nodes are made by requests.
func NewHandler(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{options: o, answers: cmp.Or(o.Answers, new(Answers))}
	h.transports.make = h.newTransport
	h.settings.Store(newSettings(Settings{}))
	return h
}

// Apply changes the settings, also during requests, which continue with the old settings.
// An idle connection to a node is kept if everything that it depends on is unchanged, and
// closed otherwise. Only one goroutine at a time may call Apply.
func (h *Handler) Apply(s Settings) { h.applySettings(newSettings(s)) }

func (h *Handler) applySettings(s *settings) {
	h.settings.Store(s)
	h.transports.keep(s.transportKeys())
}

// Close closes the idle connections to nodes. Running requests continue, and their
// connections close after them.
func (h *Handler) Close() { h.transports.keep(nil) }

// Serve sends a request to a node of the pool and its response to the client, or answers
// with one line of plain text. A nil pool means that the request has no route.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, pool *snapshot.Pool) {
	settings := h.settings.Load()
	q := &running{handler: h, in: r, begun: time.Now(), pool: pool}
	body := q.newClientBody(settings, w)
	q.body = body
	defer q.end()
	defer body.limitRest()
	switch {
	case r.Method == http.MethodConnect:
		// An open proxy is one that tunnels to an address of the client's choice.
		w.Header().Set("Allow", allow)
		q.answer(w, http.StatusMethodNotAllowed, "CONNECT is not served: this is no forward proxy")
	case r.RequestURI == "*" && r.Method == http.MethodOptions:
		// The request is about the server, not about a resource, and the server is the
		// balancer.
		if !body.readRest() {
			q.answer(w, http.StatusNoContent, "")
			break
		}
		q.status = http.StatusNoContent
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	case !strings.HasPrefix(r.URL.Path, "/") && r.URL.Host == "":
		q.answer(w, http.StatusBadRequest, "the request's target is neither a path nor a URL")
	case r.URL.Scheme != "" && r.URL.Scheme != "http" && r.URL.Scheme != "https":
		q.answer(w, http.StatusBadRequest, "the request's URL is not of http or https")
	case pool == nil:
		q.answer(w, http.StatusNotFound, "nothing is served at this host and path")
	case settings.MaxRequestSize > 0 && r.ContentLength > settings.MaxRequestSize:
		q.why = tooLarge(settings.MaxRequestSize) + ": limits.max_request_size"
		q.refuse(w, http.StatusRequestEntityTooLarge, tooLarge(settings.MaxRequestSize))
	default:
		x := newExchange(q, settings, w)
		q.exchange = x
		defer x.end()
		x.serve()
	}
	q.whole = true
}

// allow lists the methods that resources may have.
const allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
