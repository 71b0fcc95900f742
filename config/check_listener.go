package config

import (
	"net/netip"
	"slices"
)

func checkListener(l *Listener, s *source, at string) {
	checkListenerKeys(l, s, at)

	checkTrusted(l, s, at)
	checkPaths(l.Paths, s, at)
	checkOnce(l.AllowedHosts, identity, "host", s, child(at, "allowed_hosts"))
	checkOnce(l.AllowedOrigins, identity, "origin", s, child(at, "allowed_origins"))

	if l.TLS != nil {
		checkTLS(l, s, child(at, "tls"), child(at, "protocol"))
	}
}

// checkTrusted checks which proxies are believed, and about what.
func checkTrusted(l *Listener, s *source, at string) {
	trusted, client := child(at, "trusted_proxies"), child(at, "client_address")
	forwarded, requests := l.ClientAddress == FromForwardedFor, l.Protocol == WS || l.Protocol == HTTP
	if forwarded && !requests && s.valid(client, child(at, "protocol")) {
		s.errorf(client, "x-forwarded-for has no meaning with protocol %s; only ws and http have requests with headers, and proxy_protocol: accept works with every protocol", l.Protocol)
		forwarded = false
	}
	accept := l.ProxyProtocol == ProxyAccept
	switch {
	case !s.valid(child(at, "proxy_protocol"), client, child(at, "protocol"), child(at, "address"), trusted):
	case s.written(trusted) && !accept && !forwarded && requests:
		s.errorf(trusted, "has no meaning without proxy_protocol: accept or client_address: x-forwarded-for")
	case s.written(trusted) && !accept && !forwarded:
		s.errorf(trusted, "has no meaning without proxy_protocol: accept")
	case l.Address.Network == "unix":
		if s.written(trusted) && !forwarded { // otherwise they are the proxies in front of the one on this host
			s.errorf(trusted, "has no meaning on a Unix socket, where nobody has an address; the permissions of its file say who is trusted")
		}
	case !s.written(trusted) && accept:
		s.errorf(trusted, "is missing; with proxy_protocol: accept list the proxies that are believed, as [10.0.0.0/8]")
	case !s.written(trusted) && forwarded:
		s.errorf(trusted, "is missing; with client_address: x-forwarded-for list the proxies that are believed, as [10.0.0.0/8]")
	}
	checkOnce(l.TrustedProxies, netip.Prefix.String, "network", s, trusted)
}

// checkListenerKeys checks that a key for certain protocols is on a listener of such a
// protocol.
func checkListenerKeys(l *Listener, s *source, at string) {
	if !s.valid(child(at, "protocol")) {
		return
	}
	for _, k := range []struct {
		key  string
		only []Protocol
		hint string
	}{
		{"path", []Protocol{WS}, "only ws has a path"},
		{"paths", []Protocol{WS}, "only ws has paths"},
		{"subprotocol", []Protocol{WS}, "only ws has subprotocols"},
		{"allowed_hosts", []Protocol{WS, HTTP}, "only ws and http have a list of hosts"},
		{"allowed_origins", []Protocol{WS}, "only ws has a list of origins"},
		{"validity", []Protocol{MQTT, WS, HTTP}, "the CONNECT is not read"},
		{"websocket_packets", []Protocol{WS, HTTP}, "only ws and http have frames"},
	} {
		path := child(at, k.key)
		if slices.Contains(k.only, l.Protocol) || !s.written(path) || !s.valid(path) {
			continue
		}
		hint := k.hint
		if l.Protocol == HTTP {
			hint = "write it in a route" // path, paths, subprotocol or allowed_origins
		}
		s.errorf(path, "has no meaning with protocol %s; %s", l.Protocol, hint)
	}
	routes := child(at, "routes")
	isWS := func(r Route) bool { return r.Protocol == WS }
	if l.Protocol != HTTP || !s.valid(routes) || slices.ContainsFunc(l.Routes, isWS) {
		return
	}
	for _, key := range []string{"validity", "websocket_packets"} {
		if path := child(at, key); s.written(path) && s.valid(path) {
			s.errorf(path, "has no meaning with protocol http without a route of protocol ws; nobody sends a CONNECT")
		}
	}
}
