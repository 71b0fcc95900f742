package proxy

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"
	"unicode/utf8"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// request is the part of a record that only HTTP requests have.
type request struct {
	method, host, path string // as the client sent them, truncated, with the path in its normal form; the query may hold secrets and is not kept
	status             int    // 0: the client left before the answer
	byNode             bool   // a node has answered, and not the balancer
}

// wellEnded reports whether a node has answered without a fault of its own.
func (q *request) wellEnded() bool { return q.byNode && q.status < http.StatusInternalServerError }

// requestRecord returns the record of a request without its answer.
func requestRecord(listener string, r *http.Request) record {
	source, _ := netip.ParseAddrPort(r.RemoteAddr) // a Unix socket has no address
	return record{listener: listener, source: source, request: &request{
		method: truncated(r.Method, loggedName),
		host:   truncated(r.Host, loggedName),
		path:   truncated(r.URL.EscapedPath(), loggedPath),
	}}
}

// truncated returns the beginning of a text, without a part of a character at its end.
func truncated(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// logServed queues the line of a request that is over.
func (h *httpServer) logServed(listener string, r *http.Request, s *web.Served) {
	line := requestRecord(listener, r)
	line.pool, line.node = s.Pool, s.Node
	line.received, line.sent = uint64(s.Received), uint64(s.Sent)
	line.duration, line.fault = s.Duration, s.Error
	line.request.status, line.request.byNode = s.Status, s.ByNode
	r.Context().Value(httpConnKey{}).(*httpConn).last.Store(&line)
	h.proxy.journal.add(line)
}

// failed reports whether the record is of a request that no node could answer.
func (r *record) failed() bool {
	return r != nil && !r.request.byNode && r.request.status >= http.StatusBadGateway && r.request.status <= http.StatusGatewayTimeout
}

// logRejected queues the line of a request that reject has answered. On a listener of protocol ws such a
// request ends the session, whose line says the same.
func (h *httpServer) logRejected(ln *snapshot.Listener, r *http.Request, why *opening.Rejection) {
	if ln.Protocol != snapshot.HTTP || !h.proxy.journal.enabled(slog.LevelInfo) {
		return
	}
	line := requestRecord(ln.Name, r)
	line.fault = why.Fault()
	line.request.status = why.Status
	h.proxy.journal.add(line)
}

// requestAttrs returns the fields of a request's line.
func (r *record) requestAttrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("listener", r.listener),
		slog.String("client", r.client()),
		slog.String("method", r.request.method),
		slog.String("host", r.request.host),
		slog.String("path", r.request.path),
		slog.Int("status", r.request.status),
		slog.String("pool", r.pool),
		slog.String("node", r.node),
		slog.Uint64("received", r.received),
		slog.Uint64("sent", r.sent),
		slog.Duration("duration", r.duration.Round(time.Microsecond)),
	}
	if r.fault != "" {
		attrs = append(attrs, slog.String("error", r.fault))
	}
	return attrs
}
