package tlsterm

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
)

// Inherit takes over the sessions that old can resume, so that a change of a pool does not force full handshakes with
// all its nodes. Both originators may be used afterwards. A node whose host has changed gets a full handshake. All nodes
// do if our certificate or the CAs have changed, because a resumed session was verified with the old ones.
func (t *Originator) Inherit(old *Originator) {
	t.changing.Lock()
	defer t.changing.Unlock()
	from, to := old.current.Load(), t.current.Load()
	if t == old || t.options.Verify != old.options.Verify || !to.material.sameAs(&from.material) {
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

// sameAs reports whether two originators have the same certificate and CAs.
func (m *material) sameAs(other *material) bool {
	shown := func(a, b kept[*tls.Certificate]) bool {
		return slices.EqualFunc(a.value.Certificate, b.value.Certificate, bytes.Equal)
	}
	if !slices.EqualFunc(m.certificates, other.certificates, shown) {
		return false
	}
	ours, theirs := m.authorities.value, other.authorities.value
	if ours == nil || theirs == nil {
		return ours == theirs // the system's CAs
	}
	return slices.EqualFunc(ours.certs, theirs.certs, (*x509.Certificate).Equal)
}
