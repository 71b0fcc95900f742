package proxy

import (
	"errors"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

var (
	errDialTimeout      error = &timeoutError{errors.New("no connection within timeouts.dial")}
	errHandshakeTimeout error = &timeoutError{errors.New("no connection and TLS handshake within timeouts.dial")}
	errUpgradeTimeout   error = &timeoutError{&websocket.ResponseError{Reason: "no answer within timeouts.dial"}}

	errNoUpgrade      = &websocket.ResponseError{Reason: "it closed in place of an answer"}
	errUpgradeReset   = &websocket.ResponseError{Reason: "it broke the connection in place of an answer"}
	errUpgradeTooLong = &websocket.ResponseError{Reason: "a header that does not end"}
)

// timeoutError says that time ran out on a node.
type timeoutError struct{ error }

// Timeout is for package walk.
func (*timeoutError) Timeout() bool { return true }

func (e *timeoutError) Unwrap() error { return e.error }

// failure is what a session's line has of a node that could not be reached, if no
// other one is.
func failure(n *balancer.Node, err error) string { return "node " + n.Name + ": " + err.Error() }

// noCandidate is the refusal when no candidate is left.
func noCandidate(reason outcome.Outcome) opening.Refusal {
	if reason == outcome.NodesFull {
		return opening.Refusal{Outcome: reason, Code: mqttparse.ServerBusy}
	}
	return opening.Refusal{Outcome: reason, Code: mqttparse.ServerUnavailable}
}
