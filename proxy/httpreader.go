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

// httpReader is an http.Server for one or more generations with the same limits. Connections keep the
// limits that they arrived under.
type httpReader struct {
	http.Server
	arrived connListener
	conns   atomic.Int64 // arrived, and still with net/http
}

// newReader makes an httpReader.
func (h *httpServer) newReader(timeouts *snapshot.Timeouts, maxHeader int) *httpReader {
	r := &httpReader{arrived: newConnListener()}
	r.Server = http.Server{
		Handler: http.HandlerFunc(h.serve),
		// The first request is limited by the session's own deadline, which is shorter.
		ReadHeaderTimeout: timeouts.ConnectPacket + time.Second,
		// For bodies that no handler reads: net/http reads the rest of them after its own answers.
		ReadTimeout:    pick(timeouts.RequestBody > 0, timeouts.ConnectPacket+time.Second+timeouts.RequestBody, 0),
		IdleTimeout:    timeouts.KeepAlive,
		MaxHeaderBytes: maxHeader,
		// Package web answers OPTIONS *.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(h.proxy.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				h.serving.Add(1)
			case http.StateIdle:
				c.(*httpConn).phase.Store(phaseServed)
			case http.StateHijacked, http.StateClosed:
				c.(*httpConn).wire.hijacked.Store(true)
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

// sameLimits reports whether both give a connection the same limits.
func (r *httpReader) sameLimits(o *httpReader) bool {
	return r.ReadHeaderTimeout == o.ReadHeaderTimeout && r.ReadTimeout == o.ReadTimeout &&
		r.IdleTimeout == o.IdleTimeout && r.MaxHeaderBytes == o.MaxHeaderBytes
}

// unused reports whether r has no connection.
func (r *httpReader) unused() bool { return r.conns.Load() == 0 }
