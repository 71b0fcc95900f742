package opening

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	gorilla "github.com/gorilla/websocket"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// subprotocols are the names that clients give MQTT [MQTT-6.0.0-3]. The first is the
// standard one, which is chosen whenever it is offered.
var subprotocols = []string{"mqtt", "mqttv3.1.1", "mqttv3.1", "mqtt-v5", "mqtt-v3.1.1", "mqtt-v3"}

// protocolVersion is the only version in RFC 6455, section 4.1.
const protocolVersion = "13"

// Rejection is the answer to a request that is not an acceptable upgrade.
type Rejection struct {
	Status int
	Reason string
	Header [2]string // a further header, name and value
}

// CheckUpgrade checks an upgrade request by RFC 6455, section 4.2.1, without the path. It
// returns the chosen subprotocol, or the answer to a bad request.
func CheckUpgrade(r *http.Request, hosts, origins []string) (protocol string, refused *Rejection) {
	no := func(status int, format string, args ...any) (string, *Rejection) {
		return "", &Rejection{Status: status, Reason: fmt.Sprintf(format, args...)}
	}
	if len(hosts) > 0 && !slices.ContainsFunc(hosts, func(h string) bool { return snapshot.MatchHost(h, r.Host) }) {
		return no(http.StatusMisdirectedRequest, "host %.100q is not served here", r.Host)
	}
	if r.Method != http.MethodGet {
		_, refused = no(http.StatusMethodNotAllowed, "method %.20q: an upgrade to WebSocket is a GET", r.Method)
		refused.Header = [2]string{"Allow", http.MethodGet}
		return "", refused
	}
	if !r.ProtoAtLeast(1, 1) || !gorilla.IsWebSocketUpgrade(r) {
		_, refused = no(http.StatusUpgradeRequired, "MQTT over WebSocket is served here: HTTP/1.1 with Connection: Upgrade and Upgrade: websocket")
		refused.Header = [2]string{"Upgrade", "websocket"}
		return "", refused
	}
	if v := r.Header.Values("Sec-WebSocket-Version"); len(v) != 1 || v[0] != protocolVersion {
		_, refused = no(http.StatusUpgradeRequired, "Sec-WebSocket-Version %.40q: %s is spoken here", strings.Join(v, ", "), protocolVersion)
		refused.Header = [2]string{"Sec-WebSocket-Version", protocolVersion}
		return "", refused
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
	if o := r.Header.Values("Origin"); len(origins) > 0 && len(o) > 0 {
		if len(o) > 1 || !slices.ContainsFunc(origins, func(pattern string) bool { return matchOrigin(pattern, o[0]) }) {
			return no(http.StatusForbidden, "origin %.100q is not allowed here", strings.Join(o, ", "))
		}
	}
	offered := gorilla.Subprotocols(r)
	for _, p := range subprotocols {
		if slices.Contains(offered, p) {
			return p, nil
		}
	}
	return no(http.StatusBadRequest, "Sec-WebSocket-Protocol %.100q: one of %s must be offered",
		strings.Join(offered, ", "), strings.Join(subprotocols, ", "))
}

// matchOrigin reports whether the Origin of a web page matches a pattern of
// Route.Origins. Both are scheme and host, with a port unless it is the scheme's own.
func matchOrigin(pattern, origin string) bool {
	want, host, ok := strings.Cut(pattern, "://")
	u, err := url.Parse(origin)
	if !ok || err != nil || !strings.EqualFold(u.Scheme, want) || u.Hostname() == "" {
		return false
	}
	name, port := host, ""
	if n, p, err := net.SplitHostPort(host); err == nil {
		name, port = n, p
	}
	own := u.Port()
	if u.Scheme == "https" && own == "443" || u.Scheme == "http" && own == "80" {
		own = ""
	}
	return own == port && snapshot.MatchHost(name, u.Hostname())
}

// Upgrader returns an Upgrader for requests that CheckUpgrade has accepted.
func Upgrader(protocol string) *gorilla.Upgrader {
	return &gorilla.Upgrader{
		Subprotocols: []string{protocol},
		CheckOrigin:  func(*http.Request) bool { return true }, // CheckUpgrade has checked it
	}
}

// NodeRequest returns the upgrade request that a node gets in place of the client's. It
// has the client's target, Host and subprotocol, those of the client's headers that the
// pool forwards, and our own headers with the client's address. The client's own X-Forwarded-For is dropped, because EMQX
// believes its leftmost address. The caller adds the key, which needs random bytes.
// NodeRequest returns nil if the nodes speak plain MQTT.
func NodeRequest(p *snapshot.Pool, r *http.Request, protocol string) *websocket.Request {
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
		Path: r.URL.RequestURI(), Host: r.Host, Protocol: protocol, Header: h,
	}
}
