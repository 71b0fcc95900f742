package proxy

import (
	"mqttlb/proxy/tlsterm"
)

// In TLS 1.3 a node that rejects our certificate says so only after our handshake is over (RFC 8446,
// 4.4.4). Its alert comes in place of its answer, when it has received the client's first bytes and
// processed none of them.

// keepForTLS drops the client's first bytes once the node has them. It keeps them while a TLS 1.3 node
// can still reject our certificate, so that the next node can be tried.
func (l *loop) keepForTLS(s *session) {
	o := s.pending
	if s.server.layers == nil || s.server.layers.tls == nil || s.client.unread() {
		o.bytes, o.owned = nil, false
		return
	}
	o.ownBytes()
	o.sent = s.client.moved
}

// refusedByNode reports whether err, from reading the node, is an alert in place of its answer.
func (s *session) refusedByNode(err error) bool {
	return tlsterm.IsRefusal(err) && s.pending != nil && s.server.moved == 0 && len(s.pending.answer) == 0
}

// dialAgain goes on to the next candidate after an alert in place of an answer. It refuses the client
// if the client's bytes are no longer kept.
func (l *loop) dialAgain(s *session, err error) step {
	o := s.pending
	s.flow.leave(s)
	s.flow = nil
	l.failAttempt(s, nodeAlert(err))
	if len(o.bytes) == 0 || s.client.moved != o.sent || s.client.ended {
		return l.noNodeLeft(s)
	}
	return stepDial
}

// alertBefore returns the alert with which a node explains a failed write, or why if there is none.
func (l *loop) alertBefore(s *session, why error) error {
	if s.server.layers != nil {
		if _, err := l.read(&s.server); tlsterm.IsRefusal(err) {
			return nodeAlert(err)
		}
	}
	return why
}

// nodeAlert returns err in the form of the log, where an alert is marked as an error of TLS.
func nodeAlert(err error) error {
	if tlsterm.IsRefusal(err) {
		return &tlsterm.NodeError{Err: err}
	}
	return err
}
