package snapshot

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/match"
)

// One table decides for upgrades and for plain requests: the first matching route gets the
// request.
func TestRouteOf(t *testing.T) {
	pool := func(name string) *Pool { return &Pool{Pool: &balancer.Pool{Name: name}} }
	ln := &Listener{Routes: []Route{
		{Path: "/mqtt", Pool: pool("mqtt"), WebSocket: true},
		{Host: "api.*", Path: "/v5/", Pool: pool("api")},
		{Host: "example.com", Path: "/ws/", Pool: pool("ws"), WebSocket: true},
		{Host: "example.com", Pool: pool("dashboard")},
		{SNI: "*.tenant", Host: "tenant.example.com", Path: "/v5/", Pool: pool("tenant")},
		{SNI: "xn--bcher-kva", Pool: pool("books")},
	}}
	for request, want := range map[string]string{
		"GET /mqtt HTTP/1.1\r\nHost: anything":                              "mqtt",
		"GET /mqtt/ HTTP/1.1\r\nHost: example.com":                          "dashboard",
		"GET /mqtt/ HTTP/1.1\r\nHost: other.com":                            "",
		"GET /v5/nodes?x=/mqtt HTTP/1.1\r\nHost: api.example.com":           "api",
		"GET /v5/nodes HTTP/1.1\r\nHost: example.com:8080":                  "dashboard",
		"GET /v4/ HTTP/1.1\r\nHost: api.example.com":                        "",
		"GET /ws/ HTTP/1.1\r\nHost: example.com":                            "ws",
		"GET /ws/more HTTP/1.1\r\nHost: example.com":                        "dashboard",
		"GET http://api.example.com/v5/ HTTP/1.1\r\nHost: example.com":      "api",
		"GET http://api.example.com/v5/ HTTP/1.1\r\nHost: api.example.com":  "api",
		"GET http://example.com HTTP/1.1\r\nHost: api.example.com":          "dashboard",
		"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443":         "dashboard",
		"OPTIONS * HTTP/1.1\r\nHost: example.com":                           "dashboard",
		"OPTIONS * HTTP/1.1\r\nHost: api.example.com":                       "",
		"GET / HTTP/1.0\r\nX: y":                                            "",
		"GET /a/../mqtt HTTP/1.1\r\nHost: EXAMPLE.COM.":                     "dashboard",
		"GET /v5/ HTTP/1.1\r\nHost: tenant.example.com":                     "",
		"GET /v5/ HTTP/1.1\r\nHost: tenant.example.com\r\nX-SNI: a.tenant":  "tenant",
		"GET /mqtt HTTP/1.1\r\nHost: tenant.example.com\r\nX-SNI: a.tenant": "mqtt",
		"GET /v5/ HTTP/1.1\r\nHost: other.com\r\nX-SNI: A.Tenant":           "",
		"GET /v5/ HTTP/1.1\r\nHost: tenant.example.com\r\nX-SNI: b":         "",
		"GET /any HTTP/1.1\r\nHost: other.com\r\nX-SNI: xn--bcher-kva":      "books",
		"GET /any HTTP/1.1\r\nHost: other.com\r\nX-SNI: bücher":             "books",
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request + "\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		if sni := r.Header.Get("X-SNI"); sni != "" { // stands for that of the connection
			r.TLS = &tls.ConnectionState{ServerName: sni}
		}
		got := ""
		if route := ln.RouteOf(r, match.Facts{}); route != nil {
			got = route.Pool.Name
		}
		if got != want {
			t.Errorf("%q goes to %q, want %q", request, got, want)
		}
	}
}
