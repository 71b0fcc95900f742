package proxy

import (
	"mqttlb/proxy/tlsterm"
)

// In TLS 1.3 a node that rejects our certificate says so only after our handshake is over (RFC 8446,
// 4.4.4). Its alert comes in place of its answer, when it has received the client's first bytes and
// processed none of them. So the next candidate can get them, with confirm: off, too.

// refusedByNode reports whether err, from reading the node, is an alert in place of its answer.
func (s *session) refusedByNode(err error) bool {
	return tlsterm.IsRefusal(err) && s.pending != nil && s.server.moved == 0 && len(s.pending.answer) == 0
}

// dialAgain goes on to the next candidate after an alert in place of an answer, which is a failed
// attempt. It refuses the client if the client's bytes are no longer kept.
func (l *loop) dialAgain(s *session, err error) step {
	l.leaveFlow(s)
	l.failAttempt(s, nodeAlert(err))
	if !s.canChangeNode() {
		return l.noNodeLeft(s)
	}
	s.pending.nodes-- // that node has not processed the CONNECT
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
