// Package admin is mqttlb's own HTTP server: /healthz says whether clients are
// taken, /metrics what was counted, in Prometheus' format.
//
//	err := admin.Serve(ctx, listener, srv, pools, log)
//
// It changes nothing and shows no secrets, but anyone who reaches it can read
// it: its address is a loopback one unless the configuration says otherwise.
package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mqttlb/proxy"
)

const (
	// requestTime bounds reading a request and writing its answer.
	requestTime = 10 * time.Second
	// maxHeader bounds a request's header in bytes; ours need a line or two.
	maxHeader = 16 << 10
)

// Serve answers requests on ln until ctx is done, and closes ln. From draining
// on, /healthz answers 503, so that whatever looks at it sends no new clients.
func Serve(ctx context.Context, draining context.Context, ln net.Listener, srv *proxy.Server, pools []*proxy.Pool, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler(draining, srv, pools),
		ReadTimeout:       requestTime,
		ReadHeaderTimeout: requestTime,
		WriteTimeout:      requestTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // a client can cause these
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handler(draining context.Context, srv *proxy.Server, pools []*proxy.Pool) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{srv: srv, pools: pools},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if draining.Err() != nil {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}
