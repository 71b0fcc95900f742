package admin

import (
	"strconv"

	"mqttlb/proxy"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

var (
	tlsHandshakes = newCounter("tls_handshakes_total", "TLS handshakes with clients, by how they ended.", "listener", "result")
	tlsSessions   = newCounter("tls_sessions_total", "TLS handshakes that succeeded, by what was agreed on.", "listener", "version", "cipher", "resumed")
	tlsFailures   = newCounter("tls_handshake_failures_total", "TLS handshakes with clients that failed, by reason.", "listener", "reason")
	tlsExpired    = newCounter("tls_expired_certificates_total", "TLS handshakes that succeeded with a client certificate that had expired, as tls.accept_expired allows.", "listener")
	tlsDuration   = newHistogram("tls_handshake_seconds", "TLS handshakes with clients that succeeded, from the whole ClientHello on, with the wait for their turn.", "listener")
	tlsRunning    = newGauge("tls_handshakes_running", "TLS handshakes that have begun, those that wait for their client included.", "listener")
	tlsWaiting    = newGauge("tls_handshakes_waiting", "Clients that wait for their TLS handshake to begin.", "listener")
	tlsExpiry     = newGauge("tls_file_expiry_timestamp_seconds", "When the certificate, CA or CRL in force is not valid any more, in Unix time.", "listener", "kind", "file")
	tlsBroken     = newGauge("tls_file_broken", "1 while a file's content cannot be used and what was good before is in force.", "listener", "kind", "file")

	nodeTLSHandshakes = newCounter("node_tls_handshakes_total", "TLS handshakes of sessions with a node, by how they ended.", "pool", "node", "result")
	nodeTLSSessions   = newCounter("node_tls_sessions_total", "TLS handshakes with a node that succeeded, by what was agreed on.", "pool", "node", "version", "cipher", "resumed")
	nodeTLSRunning    = newGauge("node_tls_handshakes_running", "TLS handshakes of sessions with a node that have begun.", "pool", "node")
	nodeTLSWaiting    = newGauge("node_tls_handshakes_waiting", "Sessions that wait for their TLS handshake with a node to begin.", "pool", "node")
	nodeTLSExpiry     = newGauge("node_tls_file_expiry_timestamp_seconds", "When the CA or certificate in force for a pool is not valid any more, in Unix time.", "pool", "kind", "file")
	nodeTLSBroken     = newGauge("node_tls_file_broken", "1 while a file's content cannot be used and what was good before is in force.", "pool", "kind", "file")
)

// listenerTLS sends the TLS of the listeners that have it.
func (s scrape) listenerTLS(all []proxy.ListenerStats) {
	for i := range all {
		l := &all[i]
		if !l.TLS {
			continue
		}
		h := &l.Handshakes
		s.histogram(tlsDuration, &l.Handshake, l.Name)
		s.gauge(tlsRunning, float64(h.Running), l.Name)
		s.gauge(tlsWaiting, float64(h.Waiting), l.Name)
		s.handshakes(tlsHandshakes, tlsSessions, h, l.Name)
		s.count(tlsHandshakes, h.Refused, l.Name, "refused") // nodes have a queue without end
		for _, reason := range tlsterm.Reasons() {
			s.count(tlsFailures, h.Reasons[reason], l.Name, string(reason))
		}
		s.count(tlsExpired, h.Expired, l.Name)
		s.files(tlsBroken, tlsExpiry, l.Name, l.Certificates)
	}
}

// nodeTLS sends the TLS of the pools whose nodes speak it.
func (s scrape) nodeTLS(pools []*snapshot.Pool) {
	for _, p := range pools {
		if p.TLS == nil {
			continue
		}
		for _, n := range p.Nodes() {
			h := p.TLS.Gates[n.Name].Counts()
			s.gauge(nodeTLSRunning, float64(h.Running), p.Name, n.Name)
			s.gauge(nodeTLSWaiting, float64(h.Waiting), p.Name, n.Name)
			s.handshakes(nodeTLSHandshakes, nodeTLSSessions, &h, p.Name, n.Name)
		}
		s.files(nodeTLSBroken, nodeTLSExpiry, p.Name, p.TLS.Originator.Status())
	}
}

// handshakes sends the handshakes of a gate, which has the given labels.
func (s scrape) handshakes(ended, agreed *metric, h *tlsterm.GateCounts, of ...string) {
	with := func(more ...string) []string { return append(of[:len(of):len(of)], more...) }
	s.count(ended, h.Done, with("done")...)
	s.count(ended, h.Failed, with("failed")...)
	s.count(ended, h.Abandoned, with("abandoned")...)
	for a, n := range h.Agreed {
		s.count(agreed, n, with(a.Version, a.Cipher, strconv.FormatBool(a.Resumed))...)
	}
}

// files sends the state of the TLS files of a listener or a pool. A file that is named twice is sent
// once.
func (s scrape) files(broken, expiry *metric, of string, list []tlsterm.CertificateStatus) {
	type file struct {
		kind tlsterm.Kind
		name string
	}
	sent := map[file]bool{}
	for i := range list {
		f := &list[i]
		key := file{f.Kind, f.File}
		if sent[key] {
			continue
		}
		sent[key] = true
		s.flag(broken, f.Err != nil, of, string(f.Kind), f.File)
		if !f.NotAfter.IsZero() {
			s.gauge(expiry, float64(f.NotAfter.Unix()), of, string(f.Kind), f.File)
		}
	}
}
