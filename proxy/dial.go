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

	errNoUpgrade      = &websocket.ResponseError{Reason: "it closed in place of an answer", MayBeOffer: true}
	errUpgradeReset   = &websocket.ResponseError{Reason: "it broke the connection in place of an answer", MayBeOffer: true}
	errUpgradeTooLong = &websocket.ResponseError{Reason: "a header that does not end"}
)

// timeoutError is an error that counts as a timeout.
type timeoutError struct{ error }

// Timeout tells package walk that the node did not answer in time.
func (*timeoutError) Timeout() bool { return true }

func (e *timeoutError) Unwrap() error { return e.error }

// failure is the error in the log line of a session if this node was the last one tried.
func failure(n *balancer.Node, err error) string { return "node " + n.Name + ": " + err.Error() }

// noCandidate returns the refusal of a session without a candidate left.
func noCandidate(reason outcome.Outcome) opening.Refusal {
	switch reason {
	case outcome.NodesFull, outcome.NodeBusy, outcome.PortsExceeded, outcome.NoSource:
		return opening.Refusal{Outcome: reason, Code: mqttparse.ServerBusy}
	default:
		return opening.Refusal{Outcome: reason, Code: mqttparse.ServerUnavailable}
	}
}
