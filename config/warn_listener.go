package config

import (
	"net/netip"
	"slices"
)

// The widest private networks are 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193).
const widestIPv4, widestIPv6 = 8, 7

// mqttsPort is IANA's port of MQTT inside TLS.
const mqttsPort = 8883

func warnListener(l *Listener, s *source, at string) {
	warnTrusted(l, s, child(at, "trusted_proxies"))
	if l.Address.Port == mqttsPort && l.Protocol == MQTT && l.TLS == nil {
		s.warnf(child(at, "address"), "%d is the port of MQTT inside TLS, and this listener speaks in the clear; it needs a section tls, unless a proxy before it ends the TLS", mqttsPort)
	}
	for i := range l.Routes {
		warnMatch(&l.Routes[i].Match, s, item(child(at, "routes"), i))
	}
	warnRules(l.Rules, s, child(at, "rules"))
	if l.TLS == nil {
		return
	}
	l.TLS.chosen().warn(s, child(at, "tls"))
}

// warnTrusted warns of proxies that anybody could be, and of those that nobody can be.
func warnTrusted(l *Listener, s *source, at string) {
	for i, p := range l.TrustedProxies {
		widest := widestIPv6
		if p.Addr().Is4() {
			widest = widestIPv4
		}
		if p.Bits() < widest {
			s.warnf(item(at, i), "%s is wider than any private network: every peer in it may claim any client address; list the proxies alone", quote(p.String()))
		}
	}
	host, err := netip.ParseAddr(l.Address.Host)
	other := func(p netip.Prefix) bool { return p.Addr().Is4() != host.Is4() }
	if err != nil || len(l.TrustedProxies) == 0 || host == netip.IPv6Unspecified() { // it takes IPv4, too
		return
	}
	if !slices.ContainsFunc(l.TrustedProxies, func(p netip.Prefix) bool { return !other(p) }) {
		s.warnf(at, "has no network of peers of %s, so that nobody is trusted; it needs networks of %s", quote(l.Address.String()), family(host))
	}
}

// family returns the name of the version of an address.
func family(ip netip.Addr) string {
	if ip.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
