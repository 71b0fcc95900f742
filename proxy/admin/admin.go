// Package admin is mqttlb's own HTTP server: /healthz says whether clients are
// taken, /metrics what was counted, in Prometheus' format.
//
//	err := admin.Serve(ctx, listener, admin.Sources{Server: srv, Pools: pools}, log)
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
	"mqttlb/proxy/snapshot"
)

const (
	// requestTime bounds reading a request and writing its answer.
	requestTime = 10 * time.Second
	// maxHeader bounds a request's header in bytes; ours need a line or two.
	maxHeader = 16 << 10
)

// Sources is what the server shows.
type Sources struct {
	Server *proxy.Server
	Pools  func() []*snapshot.Pool // in force

	// Stopping is closed once no more clients are taken. From then on /healthz
	// answers 503, so that whatever looks at it sends none. Nil: never.
	Stopping <-chan struct{}

	// LinesDropped counts what the log had no time for. Nil: nothing.
	LinesDropped func() uint64

	// Reloads is what has been read of the configuration. Nil: it is not read again.
	Reloads func() Reloads
}

// Serve answers requests on ln until ctx is done, and closes ln.
func Serve(ctx context.Context, ln net.Listener, from Sources, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler(from),
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
