package config

import (
	"path/filepath"
	"slices"
)

// checkTLS checks the section tls, at a path, of a listener; protocol is the path of the
// listener's protocol.
func checkTLS(l *Listener, s *source, at, protocol string) {
	t := l.TLS
	if l.Protocol == Passthrough {
		if s.valid(at, protocol) {
			s.errorf(at, "has no meaning with protocol tls, which passes TLS on; mqtt, ws, http and tcp end it")
		}
		return
	}
	files := unique{s: s, what: "certificate"}
	for i, c := range t.Certificates {
		if c.Cert != "" { // otherwise its error is reported
			file := filepath.Clean(c.Cert)
			files.take(child(item(child(at, "certificates"), i), "cert"), file, file)
		}
	}
	checkClientAuth(l, s, at, protocol)
	t.chosen().check(s, at)
	checkALPN(l, s, child(at, "alpn"), protocol)
}

// checkClientAuth checks the settings of client certificates in the section tls at a
// path.
func checkClientAuth(l *Listener, s *source, at, protocol string) {
	t := l.TLS
	auth, ca := child(at, "client_auth"), child(at, "client_ca")
	if !s.valid(auth, ca) {
		return
	}
	switch {
	case t.ClientAuth != ClientAuthNone && t.ClientCA == "":
		s.errorf(auth, "%s needs client_ca, to check certificates against", t.ClientAuth)
	case t.ClientAuth == ClientAuthNone && t.ClientCA != "":
		s.errorf(ca, "has no meaning with client_auth: none")
	}
	if crl := child(at, "client_crl"); t.ClientCRL != "" && t.ClientCA == "" {
		s.errorf(crl, "needs client_ca, whose revocations it lists")
	}
	if expired := child(at, "accept_expired"); t.AcceptExpired && t.ClientCA == "" {
		s.errorf(expired, "needs client_ca: without it no client shows a certificate")
	}
	if revoked := child(at, "revoked"); s.written(revoked) && t.ClientCRL == "" && s.valid(revoked, child(at, "client_crl")) {
		s.errorf(revoked, "needs client_crl, whose certificates are the revoked ones")
	}
	identity := child(at, "require_identity")
	switch {
	case t.RequireIdentity == "": // not set, or not readable
	case t.ClientAuth == ClientAuthNone && t.ClientCA == "":
		s.errorf(identity, "needs client_ca: without it no client shows a certificate")
	case !l.takesMQTT() && s.valid(protocol):
		s.errorf(identity, "there is no %s in protocol %s", t.RequireIdentity, l.Protocol)
	}
}

// takesMQTT reports whether the listener reads a CONNECT from any client.
func (l *Listener) takesMQTT() bool {
	return l.Protocol == MQTT || l.Protocol == WS ||
		slices.ContainsFunc(l.Routes, func(r Route) bool { return r.Protocol == WS })
}

// checkALPN checks that the listener speaks each protocol in alpn.
func checkALPN(l *Listener, s *source, at, protocol string) {
	names := l.TLS.ALPN
	checkOnce(names, identity, "protocol", s, at)
	if l.Protocol != WS && l.Protocol != HTTP || len(names) == 0 || !s.valid(at, protocol) {
		return
	}
	if i := slices.Index(names, "h2"); i >= 0 {
		s.errorf(item(at, i), "HTTP/2 is not spoken; write http/1.1")
		return
	}
	if !slices.Contains(names, defaultALPN[l.Protocol][0]) {
		s.errorf(at, "lacks http/1.1, which clients of a listener of protocol %s ask for", l.Protocol)
	}
}

// checkNodeTLS checks the section tls of a pool.
func checkNodeTLS(t *NodeTLS, s *source, at string) {
	ca, cert, key, verify := child(at, "ca"), child(at, "cert"), child(at, "key"), child(at, "verify")
	if t.CA != "" && t.Verify == VerifyFalse && s.valid(verify) {
		s.errorf(ca, "has no meaning with verify: false")
	}
	if t.Key != "" && !s.written(cert) {
		s.errorf(key, "needs cert, the certificate that it belongs to")
	}
	t.chosen().check(s, at)
}

// checkTLSReference checks that the pool at a path fits the TLS of its user.
func checkTLSReference(u user, p *Pool, s *source, at string) {
	reference := child(u.at, "pool")
	if u.protocol == Passthrough {
		if p.TLS != nil {
			s.errorf(reference, "%s has tls; a %s of protocol tls passes on what is in TLS already", quote(u.pool), u.what)
		}
		return
	}
	// Other protocols hash the source address or a cookie.
	if u.protocol != MQTT && u.protocol != WS || !s.valid(u.tlsAt, child(at, "hash_key"), child(at, "algorithm")) {
		return
	}
	switch asks := u.tls != nil && u.tls.ClientAuth != ClientAuthNone; {
	case p.HashKey == KeySNI && u.tls == nil:
		s.errorf(reference, "%s is hashed by sni; in the clear there is none: write tls on the listener", quote(u.pool))
	case p.HashKey == KeyTLSCN && !asks:
		s.errorf(reference, "%s is hashed by tls_cn; no client shows a certificate: write tls with client_ca on the listener", quote(u.pool))
	}
}
