// Package admin is mqttlb's own HTTP server. /healthz says whether mqttlb accepts
// clients; /metrics has the counters in Prometheus' format.
//
//	err := admin.Serve(ctx, listener, admin.Sources{Server: srv, Pools: pools}, log)
//
// It changes nothing and shows no secrets, but anyone who can reach it can read it: its
// address is a loopback one unless the configuration says otherwise.
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
	"mqttlb/proxy/snapshot"
)

const (
	// requestTime limits the time to read a request and to write its response.
	requestTime = 10 * time.Second
	// maxHeader limits a request's header, in bytes; ours need one or two lines.
	maxHeader = 16 << 10
)

// Sources are the sources of what the server shows.
type Sources struct {
	Server *proxy.Server
	Pools  func() []*snapshot.Pool // in force

	// Stopping is closed when mqttlb stops accepting clients. From then on /healthz
	// answers 503, so that load balancers in front send no more. Nil: never.
	Stopping <-chan struct{}

	// LinesDropped returns the number of log lines that the log has dropped. Nil: none.
	LinesDropped func() Lines

	// Reloads returns the state of reloads. Nil: the configuration is not reloaded.
	Reloads func() Reloads
}

// Serve serves requests on ln until ctx is done, and closes ln.
func Serve(ctx context.Context, ln net.Listener, from Sources, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler(from),
		ReadTimeout:       requestTime,
		ReadHeaderTimeout: requestTime,
		WriteTimeout:      requestTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // clients can cause these lines
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func handler(from Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&collector{from},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-from.Stopping:
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, "ok\n")
		}
	})
	return mux
}
