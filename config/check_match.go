package config

import (
	"fmt"
	"net/netip"
	"slices"
)

// A sight is what a listener sees of a client, as far as conditions depend on it.
type sight struct {
	protocol Protocol // of the listener
	connect  bool     // it reads the CONNECT of some clients, or of all
	address  bool     // a client has an address
	hello    bool     // it sees a ClientHello
	tls      *TLS
}

// sight returns what the listener sees of its clients.
func (l *Listener) sight() sight {
	isWS := func(r Route) bool { return r.Protocol == WS }
	return sight{
		protocol: l.Protocol,
		connect:  l.Protocol.hasConnect() || l.Protocol == HTTP && slices.ContainsFunc(l.Routes, isWS),
		address:  l.Address.Network != "unix" || l.ProxyProtocol == ProxyAccept || l.ClientAddress == FromForwardedFor,
		hello:    l.TLS != nil || l.Protocol == Passthrough,
		tls:      l.TLS,
	}
}

// connectConditions are the keys of the conditions about the CONNECT.
var connectConditions = []string{"client_id", "username", "username_present", "version", "keep_alive", "will", "clean_start"}

// blind says why the condition of a key, which may be one of certificate, can never hold; "" if it can.
func (v sight) blind(key string) string {
	switch {
	case slices.Contains(connectConditions, key) && v.protocol == HTTP && !v.connect:
		return "has no meaning with protocol http without a route of protocol ws; nobody sends a CONNECT"
	case slices.Contains(connectConditions, key) && !v.connect:
		return fmt.Sprintf("has no meaning with protocol %s; the CONNECT is not read", v.protocol)
	case key == "cidr" && !v.address:
		return "has no meaning on a Unix socket without proxy_protocol: accept; nobody has an address there"
	case key == "sni" && !v.hello:
		return "has no meaning without tls on the listener; in the clear there is no SNI"
	case key == "certificate" && v.protocol == Passthrough:
		return "has no meaning with protocol tls; the certificate is for the node, and encrypted"
	case key == "certificate" && v.tls == nil:
		return "has no meaning without tls on the listener"
	case key == "certificate" && v.tls.ClientCA == "":
		return "has no meaning without tls.client_ca on the listener, which asks a client for its certificate"
	case key == "certificate.present" && v.tls != nil && v.tls.ClientAuth == ClientAuthRequire:
		return "has no effect with client_auth: require; every client has shown a certificate"
	}
	return ""
}

// checkMatch checks the conditions of the mapping at a path. listeners are those that use them; a condition must be able to hold
// on one of them.
func checkMatch(m *Match, listeners []sight, s *source, at string) {
	for _, f := range matchFields(m) {
		checkSeen(f.key, f.key, listeners, s, at)
	}
	checkSeen("certificate.present", "present", listeners, s, child(at, "certificate"))
	checkOnce(m.CIDR, netip.Prefix.String, "network", s, child(at, "cidr"))
	checkOnce(m.Version, func(v MQTTVersion) string { return string(v) }, "version", s, child(at, "version"))
	if path := child(at, "version"); len(m.Version) == len(clientVersions) && s.valid(path) {
		s.errorf(path, "has all versions; leave the condition out for that")
	}
	checkPattern(&m.ClientID, s, child(at, "client_id"))
	checkPattern(&m.Username, s, child(at, "username"))
	checkKeepAlive(m.KeepAlive, s, child(at, "keep_alive"))
	if path := child(at, "username_present"); m.UsernamePresent == FlagFalse && !m.Username.IsZero() && s.valid(path, child(at, "username")) {
		s.errorf(path, "false never holds together with username")
	}
	checkCertificateMatch(&m.Certificate, s, child(at, "certificate"))
}

// checkSeen checks that the condition of a key at a path can hold on one of the listeners.
func checkSeen(condition, key string, listeners []sight, s *source, at string) {
	path := child(at, key)
	if !s.written(path) || !s.valid(path) || len(listeners) == 0 {
		return
	}
	for _, l := range listeners {
		if l.blind(condition) == "" {
			return
		}
	}
	why := listeners[0].blind(condition)
	if len(listeners) > 1 {
		why += ", and so on every other listener"
	}
	s.errorf(path, "%s", why)
}

func checkCertificateMatch(c *CertificateMatch, s *source, at string) {
	names := 0
	for _, of := range []struct {
		key     string
		pattern *Pattern
	}{{"cn", &c.CN}, {"subject", &c.Subject}, {"issuer_cn", &c.IssuerCN}, {"dns", &c.DNS}, {"email", &c.Email}, {"uri", &c.URI}} {
		checkPattern(of.pattern, s, child(at, of.key))
		if !of.pattern.IsZero() {
			names++
		}
	}
	if path := child(at, "present"); c.Present == FlagFalse && names > 0 && s.valid(at) {
		s.errorf(path, "false never holds together with a name in the certificate")
	}
}

func checkKeepAlive(r KeepAliveRange, s *source, at string) {
	if r.Max > 0 && r.Min > r.Max && s.valid(at) {
		s.errorf(child(at, "min"), "%s is above max, %s; no Keep Alive is in between", formatDuration(r.Min), formatDuration(r.Max))
	}
}

// checkPattern checks that a pattern is of one kind, and that no value occurs twice.
func checkPattern(p *Pattern, s *source, at string) {
	first := ""
	for _, of := range []struct {
		key    string
		values []string
	}{{"exact", p.Exact}, {"prefix", p.Prefix}, {"regex", p.Regex}} {
		path := child(at, of.key)
		if len(of.values) == 0 {
			continue
		}
		checkOnce(of.values, identity, "value", s, path)
		if first != "" && s.valid(path) {
			s.errorf(path, "stands beside %s; a pattern is of one kind", first)
		}
		if first == "" {
			first = of.key
		}
	}
}
