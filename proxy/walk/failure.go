package walk

import (
	"context"
	"errors"
	"io"
	"syscall"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

var (
	// ErrUnresolved is the error of a node without an address.
	ErrUnresolved = errors.New("its host name has no address")

	// ErrResolving is the error of a node whose host name is looked up for the first time.
	ErrResolving = errors.New("its host name is still being looked up")

	// ErrNoTurn is the error of an attempt that ran out of time in our own queue, before the
	// node was asked anything.
	ErrNoTurn = errors.New("no turn for a TLS handshake within timeouts.dial: too many at once")
)

// Failure is the meaning of a failed attempt to reach a node.
type Failure struct {
	// Outcome is the outcome of the session if no other node is left: DialFailed;
	// UpgradeRefused, if the node was reached; DescriptorsExceeded, PortsExceeded or
	// NoSource, if our own resources ran out.
	Outcome outcome.Outcome

	// TimedOut reports that the attempt ran out of time. The node may answer the next
	// one.
	TimedOut bool

	// OfRequest reports that the node has refused what the client asks for, and is well.
	OfRequest bool

	// Unreached reports that the node is to blame. Its health checks should learn of it.
	Unreached bool
}

// FailureOf classifies the error of an attempt.
func FailureOf(err error) Failure {
	f := Failure{Outcome: outcomeOf(err), TimedOut: timedOut(err)}
	if refused, ok := errors.AsType[*websocket.ResponseError](err); ok {
		f.OfRequest = refused.AboutRequest()
	}
	f.Unreached = f.Outcome == outcome.DialFailed && !errors.Is(err, ErrNoTurn) && !errors.Is(err, ErrResolving)
	return f
}

// NoAddress returns the error of an attempt on a node that has no address.
func NoAddress(n *balancer.Node) error {
	if n.LookedUp() {
		return ErrUnresolved
	}
	return ErrResolving
}

func outcomeOf(err error) outcome.Outcome {
	if _, ok := errors.AsType[*websocket.ResponseError](err); ok {
		return outcome.UpgradeRefused
	}
	switch balancer.ShortageOf(err) {
	case balancer.Descriptors:
		return outcome.DescriptorsExceeded
	case balancer.Ports:
		return outcome.PortsExceeded
	case balancer.Sources:
		return outcome.NoSource
	default:
		return outcome.DialFailed
	}
}

// timedOut reports whether the attempt ran out of time.
func timedOut(err error) bool {
	return errors.Is(err, ErrNoTurn) || errors.Is(err, ErrResolving) || errors.Is(err, context.DeadlineExceeded) || balancer.TimedOut(err)
}

// Broke reports whether the node, or something in front of it, has ended the connection without a word.
func Broke(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
