package admin

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const plainText = "text/plain; charset=utf-8"

// serveHealth says that the process lives, also while it stops: who asks restarts it otherwise.
func (e *entry) serveHealth(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, plainText, []byte("ok\n"))
}

// serveReady says whether new clients should come here, and why not.
func (e *entry) serveReady(w http.ResponseWriter, _ *http.Request) {
	var reasons []string
	if e.from.NotReady != nil {
		reasons = e.from.NotReady()
	}
	if len(reasons) > 0 {
		write(w, http.StatusServiceUnavailable, plainText, []byte(strings.Join(reasons, "\n")+"\n"))
		return
	}
	write(w, http.StatusOK, plainText, []byte("ready\n"))
}

// serveMetrics answers a scrape. One at a time collects, so that a flood of scrapes takes one processor at
// most.
func (e *entry) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if err := e.metrics.take(r.Context()); err != nil {
		fail(w, err)
		return
	}
	c := connectionOf(r)
	c.enter(working)
	answer := &keptAnswer{header: w.Header(), status: http.StatusOK}
	promhttp.HandlerFor(e.registry, promhttp.HandlerOpts{}).ServeHTTP(answer, r)
	e.metrics.release()
	c.enter(asked)
	write(w, answer.status, answer.header.Get("Content-Type"), answer.Bytes())
}

// keptAnswer keeps an answer, so that it is made in the time of the server, not of its client.
type keptAnswer struct {
	bytes.Buffer
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (a *keptAnswer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *keptAnswer) WriteHeader(status int) { a.status = status }
