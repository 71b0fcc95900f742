package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
)

// Inherit takes over the sessions that old can resume, so that a change of a pool does not begin all handshakes with its
// nodes anew. Both may be used from then on. A node whose host has changed begins anew; all do when another certificate
// is shown, or another CA believed: a session that is resumed has been verified with what was in force when it began.
func (t *Originator) Inherit(old *Originator) {
	t.changing.Lock()
	defer t.changing.Unlock()
	from, to := old.current.Load(), t.current.Load()
	if t == old || t.options.Insecure != old.options.Insecure || !to.material.sameAs(&from.material) {
		return
	}
	next := *to
	next.configs = maps.Clone(to.configs)
	for node, config := range next.configs {
		if before := from.configs[node]; before != nil && before.ServerName == config.ServerName {
			config = config.Clone()
			config.ClientSessionCache = before.ClientSessionCache
			next.configs[node] = config
		}
	}
	t.current.Store(&next)
}

// sameAs reports whether two originators show the same certificate and believe the same CAs.
func (m *material) sameAs(other *material) bool {
	shown := func(a, b kept[*tls.Certificate]) bool {
		return slices.EqualFunc(a.value.Certificate, b.value.Certificate, bytes.Equal)
	}
	if !slices.EqualFunc(m.certificates, other.certificates, shown) {
		return false
	}
	ours, theirs := m.authorities.value, other.authorities.value
	if ours == nil || theirs == nil {
		return ours == theirs // the system's
	}
	return slices.EqualFunc(ours.certs, theirs.certs, (*x509.Certificate).Equal)
}
