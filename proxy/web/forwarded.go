package web

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"

	"mqttlb/proxy/snapshot"
)

// rewrite makes the request for the node. The Host field, the path and the query stay as
// the client sent them. ReverseProxy has removed the headers of the client's connection.
func (x *exchange) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.URL.User = nil
	r.Out.URL.RawQuery = r.In.URL.RawQuery // the balancer does not parse the query, so no two parsers can disagree about it
	r.Out.Trailer = nil                    // RFC 9110 section 6.5: trailers could forge the header fields
	dropCookie(r.Out.Header, x.pool.Cookie)
	x.setForwarded(r.Out.Header)
}

// setForwarded sets the headers that name the client, and removes the client's own: EMQX
// believes the leftmost X-Forwarded-For, whoever wrote it.
func (x *exchange) setForwarded(h http.Header) {
	for name := range h {
		if namesClient(name) || x.pool.RemoveHeaders[snapshot.HeaderName(name)] || forgesFraming(name) {
			delete(h, name)
		}
	}
	if source := x.client.source.Addr(); source.IsValid() {
		h.Set("X-Forwarded-For", source.WithZone("").String())
	}
	if destination := x.client.destination; destination.IsValid() {
		// The port that the client connected to, as with AWS, Traefik and web frameworks.
		h.Set("X-Forwarded-Port", strconv.Itoa(int(destination.Port())))
	}
	if x.in.Host != "" {
		h.Set("X-Forwarded-Host", x.in.Host)
	}
	if x.in.TLS != nil {
		h.Set("X-Forwarded-Proto", "https")
	} else {
		h.Set("X-Forwarded-Proto", "http")
	}
}

// namesClient reports whether proxies use a field to name their client. Servers that
// turn fields into variables read X_Forwarded_For as the same field.
func namesClient(name string) bool {
	name = snapshot.HeaderName(name)
	return strings.HasPrefix(name, "x-forwarded-") || name == "forwarded" || name == "x-real-ip"
}

// forgesFraming reports whether a field is, for servers that turn fields into variables, one that says where a request ends or
// what it is for. With its own name each of them has been read here.
func forgesFraming(name string) bool {
	if !strings.Contains(name, "_") {
		return false
	}
	switch snapshot.HeaderName(name) {
	case "content-length", "transfer-encoding", "host", "connection", "upgrade", "content-type":
		return true
	}
	return false
}

// withoutForeignUpgrade returns the header of r without an Upgrade to any protocol but
// WebSocket. A server may ignore the field (RFC 9110 section 7.8). The balancer must
// ignore it: after an upgrade to h2c, which Cowboy offers, a client could write its own
// X-Forwarded-For to the node. A request with a body must not upgrade either: after a 101
// two goroutines would read the rest of its body and the bytes after it.
func withoutForeignUpgrade(r *http.Request) http.Header {
	h := r.Header
	upgrade := h["Upgrade"]
	if len(upgrade) == 0 || len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket") && r.ContentLength == 0 {
		return h
	}
	h = h.Clone()
	h.Del("Upgrade")
	h.Del("HTTP2-Settings")
	return h
}

// clientAddresses returns the two ends of the client's connection.
func clientAddresses(r *http.Request) (a addresses) {
	if source, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		a.source = unmapped(source)
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		a.destination = unmapped(local.AddrPort())
	}
	return a
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
