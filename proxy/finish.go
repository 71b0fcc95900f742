package proxy

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// refuse sends the client a refusal in its own version of MQTT and lingers.
func (l *loop) refuse(s *session, r opening.Refusal) step {
	return l.refuseWith(s, s.pending.Refuse(r, &l.openingScratch))
}

// refuseWith carries out a verdict of the kind Refuse.
func (l *loop) refuseWith(s *session, v opening.Verdict) step {
	if v.Fault != "" {
		s.pending.fault = v.Fault
	}
	s.listener.Foreign[v.Foreign]++
	if s.client.layers != nil && s.client.layers.ws != nil {
		s.client.layers.ws.closed = true // the reply ends with a close frame
	}
	switch {
	case len(v.Reply) > 0:
		if l.seal(&s.client, v.Reply) != nil {
			return l.finish(s, v.Outcome)
		}
	case s.client.layers == nil:
		return l.finish(s, v.Outcome)
	}
	return l.refuseAndLinger(s, v.Outcome)
}

// refuseForeign refuses a client that net/http has answered, since its first bytes are not HTTP.
func (l *loop) refuseForeign(s *session, f opening.Foreign) step {
	v := s.pending.RefuseForeign(f, "", &l.openingScratch)
	s.pending.fault = v.Fault
	s.listener.Foreign[f]++
	return l.refuseAndLinger(s, v.Outcome)
}

// refuseAndLinger ends our stream to a refused client and waits for the client to end its own.
func (l *loop) refuseAndLinger(s *session, o outcome.Outcome) step {
	_ = l.end(&s.client, nil, 0)
	s.outcome = o
	s.pending.leaveLoopGuard()
	s.pending.Take()
	s.pending.stopKeeping()
	if s.place = l.server.placeToRefuse(s.listener.port, s.place); s.place == placeNone {
		return l.finish(s, o)
	}
	return l.beginLinger(s)
}

// finish ends a session: it closes its connections, counts its outcome and frees its places. It writes
// the log line last, so that a reader of the log finds the places free.
func (l *loop) finish(s *session, o outcome.Outcome) step {
	l.touch(s, s.slot)
	node := s.node()
	if s.pending != nil && s.pending.borrower == clientHTTP {
		s.countHTTP(s.pending.http)
		if o == outcome.ConnectTimeout && s.pending.fault == "" {
			s.pending.fault = s.pending.http.lateRead()
		}
	}
	if s.sentNothing(o) {
		o = outcome.NoData
	}
	line := s.record(o, l.Now())
	line.session, line.packets = l.sessionID(s), s.packets
	line.protocol, line.tls = l.protocolOf(s), s.tlsSummary()
	if s.stuck != noneStuck {
		line.fault = l.stuckFault(s)
		s.abortStuck()
	}
	line.fault = l.nameSetting(s, o, line.fault)
	l.Timers.Clear(s.slot)
	l.dropKept(&s.client)
	l.dropKept(&s.server)
	if o := s.pending; o != nil {
		o.walk.Leave()
		o.held.end()
		o.held = nil
		o.reclaim()
	}
	reactor.Close(s.client.fd)
	if s.server.fd >= 0 {
		l.closeNodeSocket(s.server.fd)
	}
	l.noteEnd(s, o)
	if s.pending != nil {
		l.releasePending(s)
	}
	if s.flow != nil {
		s.flow.ended(s, line.duration)
	}
	s.listener.Open--
	s.listener.Outcomes[o]++
	if node != nil {
		if s.connacked && s.connack == 0 {
			node.Left()
		}
		node.Release()
	}
	if s.counted&inOwners != 0 {
		l.server.owners.release(l, s)
	}
	if s.counted&inAddresses != 0 {
		l.server.addresses.leave(s.source.addrPort().Addr(), s.excess.OfAddress(), l.Now())
	}
	l.server.freePlace(s.listener.port, s.place)
	l.server.journal.add(line)
	l.sessions.Release(s.slot)
	return stepEnded
}

// sentNothing reports whether a session with this outcome was a connection without any data.
func (s *session) sentNothing(o outcome.Outcome) bool {
	if s.pending != nil {
		return o == outcome.ClientGone && s.pending.Silent()
	}
	// A listener that reads nothing dials a node at once.
	return s.listener.Opaque() && (o == outcome.ClientClosed || o == outcome.ClientReset) && s.client.moved == uint64(s.lingered) && s.server.moved == 0
}

// record returns the journal's record of a session that ends now.
func (s *session) record(o outcome.Outcome, clock int64) record {
	r := record{
		listener: s.listener.Name,
		source:   s.source.addrPort(),
		id:       s.clientID(),
		username: s.username(),
		version:  s.version,
		connack:  s.connack,
		received: s.client.moved,
		sent:     s.server.moved,
		duration: time.Duration(clock - s.begun),
		outcome:  o,

		tolerated: s.tolerated(),
	}
	r.disconnect, r.disconnected = s.nodeDisconnect()
	r.pool, r.node = s.poolAndNode()
	if s.pending != nil {
		r.fault, r.rule = s.pending.fault, s.pending.rule
		if last := s.pending.lastRequest; last != nil {
			r.lastRequest, r.pool, r.node = last.request, last.pool, last.node
			r.fault = cmp.Or(r.fault, pick(o == outcome.HTTPFailed, last.fault, ""))
		}
	}
	if h := s.client.layers; h != nil && h.tls != nil {
		r.certificate = pick(h.tls.ClientExpired(), "expired", "")
		if o == outcome.CertificateRevoked {
			r.fault = fmt.Sprintf("the client's certificate, serial %s, or a CA above it is revoked: see tls.client_crl", h.tls.ClientSerial())
		}
	}
	client, server := s.client.fault(), s.server.fault()
	_, frames := errors.AsType[*websocket.Error](client)
	switch {
	case r.fault != "":
	case frames:
		r.fault = client.Error()
	case client != nil:
		r.fault = "TLS: " + client.Error()
	case server != nil:
		r.fault = failure(s.flow.node, &tlsterm.NodeError{Err: server})
	}
	return r
}

// tlsSummary describes the TLS with the session's client. Of a handshake that has failed there is only the name
// that the client asked for.
func (s *session) tlsSummary() (sum tlsterm.Summary) {
	if h := s.client.layers; h != nil && h.tls != nil {
		sum = h.tls.Summary()
	} else if s.pending != nil {
		sum.ServerName = s.pending.serverName
	}
	sum.ServerName = sum.ServerName[:min(len(sum.ServerName), loggedID)]
	return sum
}

// protocolOf returns the protocol of the session's client. A session that has reached its node speaks what it
// began with, whatever a reload has made of the listener.
func (l *loop) protocolOf(s *session) string {
	ln := l.current.listeners[s.listener.port] // nil if the listener was removed
	var secure, frames, web bool
	if s.pending != nil {
		ln = s.pending.listener
		secure, frames, web = ln.TLS != nil, ln.Protocol == snapshot.WS, ln.Protocol == snapshot.HTTP
	}
	if ln != nil && ln.Protocol == snapshot.Passthrough && s.listener.Opaque() {
		return "tls"
	}
	frames = frames || s.frames != nil
	if h := s.client.layers; h != nil {
		frames = frames || h.ws != nil
		secure = h.tls != nil
	}
	switch {
	case frames:
		return pick(secure, "wss", "ws")
	case web:
		return pick(secure, "https", "http")
	}
	return pick(secure, "tls", "tcp")
}
