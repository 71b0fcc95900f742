package web

import (
	"cmp"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"mqttlb/proxy/snapshot"
)

// Options of a Handler, for as long as it lives.
type Options struct {
	// TimedOut is told of a request that came to BodyTimeout, TunnelTimeout or
	// HalfClosedTimeout, which end its connection. It must not block. Nil: nobody is
	// told.
	TimedOut func(r *http.Request, why string)

	// Announce formats the PROXY header of a version that names a client to a
	// node. Called for pools with SendProxy alone.
	Announce func(version int, source, destination netip.AddrPort) ([]byte, error)

	// Answers counts the requests that are answered here; nil: the handler counts them for
	// itself.
	Answers *Answers

	Log *slog.Logger // hears of requests that fail, at debug; nil: nobody does

}

// Handler is a reverse proxy. A request's RemoteAddr is taken for the client's
// address, and the context's http.LocalAddrContextKey for the one it came to.
//
// A request ends when its client is gone or its context is done. That holds for
// an upgraded connection, too, of which its http.Server knows nothing any more:
// who wants them to end cancels the server's BaseContext.
type Handler struct {
	options    Options
	settings   atomic.Pointer[settings]
	transports transports
	answers    *Answers
}

// NewHandler returns a handler with the zero Settings. It starts nothing: connections to
// nodes are made as requests come.
func NewHandler(o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{options: o, answers: cmp.Or(o.Answers, new(Answers))}
	h.transports.make = h.newTransport
	h.settings.Store(newSettings(Settings{}))
	return h
}

// Apply changes the settings, while requests come: those under way go on with what they
// began with. Connections to nodes that wait for a request are kept where everything that
// they depend on is as it was, and closed otherwise. It is called by one goroutine at a
// time.
func (h *Handler) Apply(s Settings) { h.apply(newSettings(s)) }

func (h *Handler) apply(s *settings) {
	h.settings.Store(s)
	h.transports.keep(s.transportKeys())
}

// Close frees the connections to nodes that wait for a request. Requests that are
// under way go on, and their connections close after them.
func (h *Handler) Close() { h.transports.keep(nil) }

// Serve takes a request to a node of the pool and the response back, or says in one line
// of plain text why not. A nil pool is that of a request that no route takes.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, pool *snapshot.Pool) {
	settings := h.settings.Load()
	body := h.newClientBody(settings, w, r)
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
	case pool == nil:
		h.answer(w, body, http.StatusNotFound, "nothing is served at this host and path")
	case settings.MaxRequestSize > 0 && r.ContentLength > settings.MaxRequestSize:
		h.refuse(w, http.StatusRequestEntityTooLarge, tooLarge(settings.MaxRequestSize))
	default:
		x := newExchange(h, settings, pool, w, r, body)
		defer x.end()
		x.serve()
	}
}

// allow is the methods of every resource, as far as we know.
const allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
