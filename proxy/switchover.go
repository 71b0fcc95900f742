package proxy

import (
	"fmt"
	"io"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// switchOver waits for a node's 101 and then writes the client's frames. Before the 101 a node may
// parse them as a part of the request.
func (l *loop) switchOver(s *session) step {
	o := s.pending
	if s.client.broken {
		return l.finish(s, outcome.ClientGone)
	}
	for s.server.readable {
		read, err := l.read(&s.server)
		switch err {
		case nil:
		case reactor.ErrAgain:
			return stepWait
		case io.EOF:
			return l.upgradeRefused(s, errNoUpgrade)
		default:
			return l.upgradeRefused(s, upgradeBroken(err))
		}
		o.answer = append(o.answer, read...)
		b := o.answer
		length, err := websocket.ReadResponse(b, o.request)
		if err == websocket.ErrShort {
			if len(b) <= maxUpgradeResponse {
				continue
			}
			err = errUpgradeTooLong
		}
		if err != nil {
			return l.upgradeRefused(s, err)
		}
		s.frames = new([2]websocket.Follower)
		if err := l.write(&s.server, o.bytes); err != nil {
			l.failAttempt(s, err)
			return stepDial
		}
		early := b[length:]
		o.answer, s.server.moved = nil, uint64(len(early))
		next := l.reached(s)
		if len(early) > 0 && next == stepConfirm {
			return l.forwardAnswer(s, early)
		}
		return next
	}
	return stepWait
}

// upgradeRefused handles a node that has not accepted the upgrade. If that may be due to the client's subprotocols, which
// it has got, the same node is asked once more, for mqtt alone. The client does not notice: it has its answer.
func (l *loop) upgradeRefused(s *session, err error) step {
	o := s.pending
	if !o.request.MayOfferPlain(err) {
		l.failAttempt(s, err)
		return stepDial
	}
	l.server.journal.dialFailed(s.listener, o.pool.Name, o.node, fmt.Errorf("%w; the subprotocol mqtt alone is offered next", err))
	l.closeServer(s)
	o.request.Plain, o.request.Key = true, websocket.NewKey()
	return stepDial
}

// upgradeBroken returns the error for a node that broke the connection after it was asked for an
// upgrade. An alert of TLS means that the node was not reached. Other errors may be due to the
// client's own request, and do not blame the node.
func upgradeBroken(err error) error {
	if tlsterm.IsRefusal(err) {
		return nodeAlert(err)
	}
	return errUpgradeReset
}
