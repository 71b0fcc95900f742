package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// exchange is one request and its response. It counts as a session of its node
// for as long as it lasts.
type exchange struct {
	handler    *Handler
	settings   *settings
	pool       *snapshot.Pool
	w          *clientWriter
	in         *http.Request
	body       *clientBody // of in; nil: it has none
	silence    *silence    // of the tunnel or the response; nil: neither has begun
	cancel     context.CancelFunc
	client     addresses
	candidates balancer.Candidates
	newCookie  string // the key that the client has to learn; "": it has one, or needs none

	// Of the node that has the request; nil: none has.
	node      *balancer.Node
	transport *transport

	switched io.Closer // the connection to the node after a 101
}

// addresses of a client's connection; not valid on a Unix socket.
type addresses struct{ source, destination netip.AddrPort }

func newExchange(h *Handler, s *settings, pool *snapshot.Pool, w http.ResponseWriter, r *http.Request, body *clientBody) *exchange {
	x := &exchange{handler: h, settings: s, pool: pool, client: clientAddresses(r), body: body}
	key, keyed := x.affinity(r)
	x.candidates = pool.Candidates(key, keyed)
	x.w = newClientWriter(w, r, s.write)
	x.w.tunnel = x.newTunnel
	ctx, cancel := context.WithCancel(r.Context())
	x.in, x.cancel = r.WithContext(ctx), cancel
	if body != nil {
		x.in.Body = body
	}
	x.in.Header = withoutForeignUpgrade(r)
	return x
}

// serve runs the request. ReverseProxy does what RFC 9110 and 9112 ask of an
// intermediary; what is ours is in the methods it is given.
func (x *exchange) serve() {
	proxy := httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		Transport:      x,
		ModifyResponse: x.respond,
		ErrorHandler:   x.fail,
		FlushInterval:  -1, // a stream's reader waits for what there is
		ErrorLog:       slog.NewLogLogger(x.handler.options.Log.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(x.w, x.in)
}

// end counts the request out. The response has been copied, or the client has
// been told why there is none.
func (x *exchange) end() {
	x.silence.stop()
	x.cancel()
	if x.switched != nil {
		_ = x.switched.Close() // ReverseProxy does not, when it dislikes the 101
	}
	if x.node != nil {
		x.handler.transports.release(x.transport)
		x.node.Release()
	}
}

// try takes the request to one node, until a time at which it must have been reached;
// zero: there is none.
func (x *exchange) try(node *balancer.Node, until time.Time, out *http.Request) (*http.Response, error) {
	addrs := node.Addrs()
	if len(addrs) == 0 {
		return nil, &dialError{walk.ErrUnresolved}
	}
	if limit := x.settings.DialTimeout; limit > 0 {
		if by := time.Now().Add(limit); until.IsZero() || by.Before(until) {
			until = by
		}
	}
	// A copy: a RoundTripper changes no request.
	out = out.WithContext(context.WithValue(out.Context(), attemptKey{}, &attempt{x.pool, node, x.client, until, x.settings.write}))
	target := *out.URL
	target.Host = addrs[0].String() // what is dialled, never a name; the Host field stays the client's
	out.URL = &target
	if out.Body != nil {
		out.Body = io.NopCloser(out.Body) // a dial that fails must leave it for the next candidate
	}
	transport := x.handler.transports.take(x.settings.transportKey(x.pool, node))
	res, err := transport.RoundTrip(out)
	if err != nil {
		x.handler.transports.release(transport)
		return nil, err
	}
	x.node, x.transport = node, transport
	return res, nil
}

// respond looks at the header of the node's response before the client gets it.
func (x *exchange) respond(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.switched = res.Body
	} else if res.Body != http.NoBody {
		x.silence = x.newSilence("response: no byte of the node", "timeouts.tunnel", x.settings.TunnelTimeout)
		res.Body = &nodeBody{res.Body, x.silence}
	}
	x.setCookie(res.Header)
	return nil
}
