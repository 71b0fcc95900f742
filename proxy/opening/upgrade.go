package opening

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	gorilla "github.com/gorilla/websocket"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// protocolVersion is the only version in RFC 6455, section 4.1.
const protocolVersion = "13"

// Rejection is the answer to a request that is not an acceptable upgrade.
type Rejection struct {
	Status int
	Reason string
	Detail string    // is added to Reason in the log, and is not for strangers; empty: none
	Header [2]string // a further header, name and value
}

// Fault is the rejection in the log.
func (r *Rejection) Fault() string {
	if r.Detail != "" {
		return r.Reason + ": " + r.Detail
	}
	return r.Reason
}

// CheckHost checks the host of a request to a listener. It returns nil, or the answer.
func CheckHost(r *http.Request, ln *snapshot.Listener) *Rejection {
	if len(ln.Hosts) == 0 || slices.ContainsFunc(ln.Hosts, func(h string) bool { return snapshot.MatchHost(h, r.Host) }) {
		return nil
	}
	return &Rejection{Status: http.StatusMisdirectedRequest, Reason: fmt.Sprintf("host %.100q is not served here", r.Host)}
}

// CheckUpgrade checks an upgrade request by RFC 6455, section 4.2.1. The caller has checked the host and chosen the
// route, with [snapshot.Listener.Target]. CheckUpgrade returns the client's offer of subprotocols, or the answer to a bad request.
func CheckUpgrade(r *http.Request, route *snapshot.Route) (Offer, *Rejection) {
	if refused := checkSwitch(r); refused != nil {
		return Offer{}, refused
	}
	return checkPage(r, route)
}

// no returns the answer to a request that is refused.
func no(status int, format string, args ...any) *Rejection {
	return &Rejection{Status: status, Reason: fmt.Sprintf(format, args...)}
}

// checkSwitch checks that a request asks for WebSocket in the one way that there is.
func checkSwitch(r *http.Request) *Rejection {
	if r.Method != http.MethodGet {
		refused := no(http.StatusMethodNotAllowed, "method %.20q: an upgrade to WebSocket is a GET", r.Method)
		refused.Header = [2]string{"Allow", http.MethodGet}
		return refused
	}
	if !r.ProtoAtLeast(1, 1) || !gorilla.IsWebSocketUpgrade(r) {
		refused := no(http.StatusUpgradeRequired, "MQTT over WebSocket is served here: HTTP/1.1 with Connection: Upgrade and Upgrade: websocket")
		refused.Header = [2]string{"Upgrade", "websocket"}
		return refused
	}
	if v := r.Header.Values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != protocolVersion {
		refused := no(http.StatusUpgradeRequired, "Sec-WebSocket-Version %.40q: %s is spoken here", strings.Join(v, ", "), protocolVersion)
		refused.Header = [2]string{"Sec-WebSocket-Version", protocolVersion}
		return refused
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return no(http.StatusBadRequest, "%d Sec-WebSocket-Key headers: there must be one", len(keys))
	}
	if nonce, err := base64.StdEncoding.DecodeString(keys[0]); err != nil || len(nonce) != 16 {
		return no(http.StatusBadRequest, "Sec-WebSocket-Key %.40q: it must be 16 bytes in base64", keys[0])
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return no(http.StatusBadRequest, "an upgrade to WebSocket has no body")
	}
	return nil
}

// checkPage checks what a route says about upgrades: the pages that may connect, and the subprotocol.
func checkPage(r *http.Request, route *snapshot.Route) (Offer, *Rejection) {
	if o := r.Header.Values("Origin"); len(route.Origins) > 0 && len(o) > 0 {
		if len(o) > 1 || !slices.ContainsFunc(route.Origins, func(pattern string) bool { return matchOrigin(pattern, o[0]) }) {
			return Offer{}, no(http.StatusForbidden, "origin %.100q is not allowed here", strings.Join(o, ", "))
		}
	}
	offer, ok := offerOf(r.Header, route.SubprotocolOptional)
	if !ok {
		return Offer{}, no(http.StatusBadRequest, "Sec-WebSocket-Protocol %.100q: one of %s must be offered%s",
			strings.Join(r.Header.Values(subprotocolHeader), ", "), strings.Join(subprotocols, ", "), orNone(route.SubprotocolOptional))
	}
	return offer, nil
}

// Upgrader answers requests that CheckUpgrade has accepted, with the header of their Offer.
func Upgrader() *gorilla.Upgrader {
	return &gorilla.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, // CheckUpgrade has checked it
	}
}

// NodeRequest returns the upgrade request that a node gets in place of the client's. It
// has the client's target, unless the pool has a path of its own, the client's Host and
// subprotocols, those of the client's headers that the pool forwards, and our own headers with
// the client's address. The client's own X-Forwarded-For is dropped, because EMQX believes its
// leftmost address. The caller adds the key, which needs random bytes. NodeRequest returns nil
// if the nodes speak plain MQTT.
func NodeRequest(p *snapshot.Pool, r *http.Request, offer Offer) *websocket.Request {
	if !p.WebSocket {
		return nil
	}
	h := http.Header{}
	for _, name := range p.ForwardHeaders {
		if v := r.Header.Values(name); len(v) > 0 {
			h[name] = v
		}
	}
	if host, port, err := net.SplitHostPort(r.RemoteAddr); err == nil && host != "" { // a Unix socket has no address
		h.Set("X-Forwarded-For", host)
		if port != "0" { // not known behind an HTTP proxy
			h.Set("X-Forwarded-Port", port) // EMQX takes it for the client's port
		}
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	h.Set("X-Forwarded-Proto", scheme)
	h.Set("X-Forwarded-Host", r.Host)
	return &websocket.Request{
		Path: nodeTarget(p, r.URL), Host: r.Host, Protocols: offer.forNodes(), Header: h,
	}
}
