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
	"mqttlb/proxy/walk"
)

// exchange is one request and its response. It counts as a session of its node while it
// lasts.
type exchange struct {
	*running
	settings   *settings
	w          *clientWriter
	in         *http.Request // with the exchange's own context
	silence    *silence      // of the tunnel or the response; nil: neither has begun
	cancel     context.CancelFunc
	client     addresses
	candidates balancer.Candidates
	newCookie  string // the key for the client's new cookie; "": none needed

	asked string // the name of the node that got the request; "": none
	tried string // the name of the last node that could not be reached; "": none

	// The node that has the request; nil: none.
	node      *balancer.Node
	transport *transport

	switched io.Closer // the connection to the node after a 101
}

// addresses are the two ends of a client's connection; not valid on a Unix socket.
type addresses struct{ source, destination netip.AddrPort }

func newExchange(q *running, s *settings, w http.ResponseWriter) *exchange {
	r := q.in
	x := &exchange{running: q, settings: s, client: clientAddresses(r)}
	key, keyed := x.affinity(r)
	x.candidates = q.pool.Candidates(balancer.Client{Key: key, Keyed: keyed})
	x.w = newClientWriter(w, r, s.write)
	x.w.tunnel = x.newTunnel
	ctx, cancel := context.WithCancel(r.Context())
	x.in, x.cancel = r.WithContext(ctx), cancel
	if q.body != nil {
		x.in.Body = q.body
	}
	x.in.Header = withoutForeignUpgrade(r)
	return x
}

// serve runs the request. ReverseProxy does what RFC 9110 and 9112 require of an
// intermediary; its hooks are the methods of exchange.
func (x *exchange) serve() {
	proxy := httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		Transport:      x,
		ModifyResponse: x.modifyResponse,
		ErrorHandler:   x.fail,
		FlushInterval:  -1, // a reader of a stream wants every byte at once
		ErrorLog:       slog.NewLogLogger(x.handler.options.Log.Handler(), slog.LevelDebug),
	}
	proxy.ServeHTTP(x.w, x.in)
}

// end releases the node. The response has been copied, or the client got an error.
func (x *exchange) end() {
	x.silence.stop()
	x.cancel()
	if x.switched != nil {
		_ = x.switched.Close() // ReverseProxy does not close it when it rejects the 101
	}
	if x.node != nil {
		x.handler.transports.release(x.transport)
		x.node.Release()
	}
}

// sendTo sends the request to one node, which must be reached by until; zero: no limit.
func (x *exchange) sendTo(node *balancer.Node, until time.Time, out *http.Request) (*http.Response, error) {
	addrs := node.Addrs()
	if len(addrs) == 0 {
		return nil, &dialError{walk.NoAddress(node)}
	}
	order, err := x.handler.mayDial(node.DialOrder())
	if err != nil {
		return nil, &dialError{err}
	}
	if limit := x.settings.DialTimeout; limit > 0 {
		if by := time.Now().Add(limit); until.IsZero() || by.Before(until) {
			until = by
		}
	}
	// A copy: a RoundTripper must not change the request.
	out = out.WithContext(context.WithValue(out.Context(), attemptKey{}, &attempt{x.pool, node, order, x.client, until, x.settings.write, x.settings.SocketBuffer}))
	out = out.WithContext(withNodeConn(out.Context(), out.Method))
	target := *out.URL
	target.Host = connectionsOf(addrs) // addresses, never a name; the Host field stays the client's
	out.URL = &target
	if out.Host == "" {
		out.Host = addrs[0].String()
	}
	if out.Body != nil {
		out.Body = io.NopCloser(out.Body) // a failed dial must leave the body open for the next candidate
	}
	transport := x.handler.transports.take(x.settings.transportKey(x.pool, node))
	res, err := transport.RoundTrip(out)
	if err != nil {
		x.handler.transports.release(transport)
		return nil, err
	}
	x.node, x.transport, x.asked = node, transport, node.Name
	return res, nil
}

// modifyResponse handles the header of the node's response before the client gets it.
func (x *exchange) modifyResponse(res *http.Response) error {
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.switched = res.Body
	} else if res.Body != http.NoBody {
		x.silence = x.newSilence("response: no byte of the node", "timeouts.tunnel", x.settings.TunnelTimeout)
		res.Body = &nodeBody{res.Body, x.silence}
	}
	x.setCookie(res.Header)
	return nil
}
