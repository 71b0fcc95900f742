package proxy

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
)

// httpReader is net/http's server of one generation or more. Connections keep the limits that they arrived under.
type httpReader struct {
	http.Server
	arrived connListener
	conns   atomic.Int64 // that have arrived, and that net/http has not let go of
}

// newReader makes a server of net/http.
func (h *httpServer) newReader(timeouts *snapshot.Timeouts, maxHeader int) *httpReader {
	r := &httpReader{arrived: newConnListener()}
	r.Server = http.Server{
		Handler: http.HandlerFunc(h.serve),
		// The session's own limit comes first; these are for the requests after the first.
		ReadHeaderTimeout: timeouts.ConnectPacket + time.Second,
		// For what no handler sees: net/http reads bodies also behind its own answers.
		ReadTimeout:    pick(timeouts.RequestBody > 0, timeouts.ConnectPacket+time.Second+timeouts.RequestBody, 0),
		IdleTimeout:    timeouts.KeepAlive,
		MaxHeaderBytes: maxHeader,
		// OPTIONS * is web's to answer.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(h.proxy.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				h.serving.Add(1)
			case http.StateIdle:
				c.(*httpConn).phase.Store(phaseServed)
			case http.StateHijacked, http.StateClosed:
				r.conns.Add(-1)
				h.serving.Done()
			case http.StateActive:
			}
		},
		BaseContext: func(net.Listener) context.Context { return h.context },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, httpConnKey{}, c) },
	}
	return r
}

// sameLimits reports whether two servers give a connection the same limits.
func (r *httpReader) sameLimits(o *httpReader) bool {
	return r.ReadHeaderTimeout == o.ReadHeaderTimeout && r.ReadTimeout == o.ReadTimeout &&
		r.IdleTimeout == o.IdleTimeout && r.MaxHeaderBytes == o.MaxHeaderBytes
}

// unused reports whether the server has no connection.
func (r *httpReader) unused() bool { return r.conns.Load() == 0 }
