package main_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"
)

// dashboard is the HTTP server of a node. /status answers as in EMQX. /live is a
// WebSocket that echoes. Any other path answers with the node's name and the headers
// about the client.
type dashboard struct {
	*httptest.Server
	name    string
	evicted atomic.Bool // /status answers 503
}

func startDashboards(t *testing.T, names ...string) []*dashboard {
	t.Helper()
	return startDashboardsOver(t, nil, names...)
}

// startDashboardsOver is startDashboards with TLS, or without if the configuration is nil.
func startDashboardsOver(t *testing.T, config *tls.Config, names ...string) []*dashboard {
	t.Helper()
	var all []*dashboard
	for _, name := range names {
		d := &dashboard{name: name}
		d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/status" && d.evicted.Load() {
				http.Error(w, "Node "+name+" is stopping", http.StatusServiceUnavailable)
				return
			}
			if r.URL.Path == "/live" {
				echoWebSocket(w, r)
				return
			}
			w.Header().Set("X-Node", name)
			fmt.Fprintf(w, "%s %s cookies=%q for=%s host=%s proto=%s", name, r.RequestURI, r.Header.Get("Cookie"),
				strings.Join(r.Header.Values("X-Forwarded-For"), ","), r.Header.Get("X-Forwarded-Host"), r.Header.Get("X-Forwarded-Proto"))
		}))
		if d.TLS = config; config != nil {
			d.StartTLS()
		} else {
			d.Start()
		}
		t.Cleanup(d.Close)
		all = append(all, d)
	}
	return all
}

func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, b, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, b) != nil {
			return
		}
	}
}

// httpNodes returns the nodes of a pool in the configuration.
func httpNodes(all ...*dashboard) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "      - {name: %s, address: %q}\n", d.name, d.Listener.Addr())
	}
	return b.String()
}

// newBrowser makes an HTTP client that keeps cookies.
func newBrowser(t *testing.T, from string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: dialer(from).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport, Timeout: patience}
}

// get requests a page, with a Host header if host is set. It returns the status, the
// node that answered, and the body.
func get(t *testing.T, client *http.Client, url, host string) (status int, node, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	req.Header.Set("X-Forwarded-For", "203.0.113.1") // forged
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("X-Node"), string(b)
}
