package proxy

import (
	"errors"
	"syscall"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

var (
	errUnresolved  = errors.New("its host name has no address")
	errDialTimeout = errors.New("no connection within timeouts.dial")

	errHandshakeTimeout = errors.New("no connection and TLS handshake within timeouts.dial")
	errHandshakeTurn    = errors.New("no turn for a TLS handshake in time: too many at once") // no fault of the node

	errNoUpgrade      = &websocket.ResponseError{Reason: "it closed in place of an answer"}
	errUpgradeReset   = &websocket.ResponseError{Reason: "it broke the connection in place of an answer"}
	errUpgradeTooLong = &websocket.ResponseError{Reason: "a header that does not end"}
	errUpgradeTimeout = &websocket.ResponseError{Reason: "no answer within timeouts.dial"}
)

// failure is what a session's line has of a node that could not be reached, if no
// other one is.
func failure(n *balancer.Node, err error) string { return "node " + n.Name + ": " + err.Error() }

// timedOut reports whether time ran out on a node, and no more is known of it: asked
// again, it may answer.
func timedOut(err error) bool {
	switch err {
	case errDialTimeout, errHandshakeTimeout, errHandshakeTurn, errUpgradeTimeout:
		return true
	}
	return errors.Is(err, syscall.ETIMEDOUT)
}

// noCandidate is the refusal when no candidate is left.
func noCandidate(reason outcome.Outcome) opening.Refusal {
	if reason == outcome.NodesFull {
		return opening.Refusal{Outcome: reason, Code: mqttparse.ServerBusy}
	}
	return opening.Refusal{Outcome: reason, Code: mqttparse.ServerUnavailable}
}

// shortage is what of our own ran out when a connection could not be made:
// DescriptorsExceeded or PortsExceeded. DialFailed and UpgradeRefused: nothing, so it
// is the node.
func shortage(err error) outcome.Outcome {
	if _, ok := errors.AsType[*websocket.ResponseError](err); ok {
		return outcome.UpgradeRefused
	}
	var errno syscall.Errno
	_ = errors.As(err, &errno)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return outcome.DescriptorsExceeded
	case syscall.EADDRNOTAVAIL: // no ephemeral port to this node is left; to another one may be
		return outcome.PortsExceeded
	default:
		return outcome.DialFailed
	}
}
