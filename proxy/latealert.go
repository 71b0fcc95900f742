package proxy

import (
	"mqttlb/proxy/tlsterm"
)

// In TLS 1.3 a node that does not take our certificate says so only after our
// handshake is over (RFC 8446, 4.4.4): an alert comes in place of its answer, when
// it has had the client's first bytes and taken none of them.

// keepForTLS ends the use of the client's first bytes, which a node has got; where it
// may still turn them away, they are kept until it has answered.
func (l *loop) keepForTLS(s *session) {
	o := s.pending
	if s.server.layers == nil || s.server.layers.tls == nil || s.client.unread() {
		o.bytes, o.owned = nil, false
		return
	}
	o.ownBytes()
	o.sent = s.client.moved
}

// refusedByNode reports whether err, of reading from the node, is an alert in place of
// its answer.
func (s *session) refusedByNode(err error) bool {
	return tlsterm.IsRefusal(err) && s.pending != nil && s.server.moved == 0 && len(s.pending.answer) == 0
}

// dialAgain is the step of a session that a node has turned away: on to the next
// candidate, or the refusal if what the client has sent is not at hand any more.
func (l *loop) dialAgain(s *session, err error) step {
	o := s.pending
	s.flow.Open--
	s.flow = nil
	l.failAttempt(s, nodeAlert(err))
	if len(o.bytes) == 0 || s.client.moved != o.sent || s.client.ended {
		return l.noNodeLeft(s)
	}
	return stepDial
}

// alertBefore is the alert of a node that explains why a write to it has failed, or
// else why.
func (l *loop) alertBefore(s *session, why error) error {
	if s.server.layers != nil {
		if _, err := l.read(&s.server); tlsterm.IsRefusal(err) {
			return nodeAlert(err)
		}
	}
	return why
}

// nodeAlert is an error as the log has it, which says of an alert that it is of TLS.
func nodeAlert(err error) error {
	if tlsterm.IsRefusal(err) {
		return &tlsterm.NodeError{Err: err}
	}
	return err
}
