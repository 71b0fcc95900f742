package walk

import (
	"context"
	"errors"
	"syscall"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

var (
	// ErrUnresolved is that of a node that has no address yet.
	ErrUnresolved = errors.New("its host name has no address")

	// ErrNoTurn is that of an attempt whose time ran out before anything was asked of the node.
	ErrNoTurn = errors.New("no turn for a TLS handshake in time: too many at once")
)

// Failure is what an attempt to reach a node has come to.
type Failure struct {
	// Outcome is that of a session for which no other node is left: DialFailed;
	// UpgradeRefused, where the node was reached; DescriptorsExceeded or PortsExceeded,
	// where something of our own ran out.
	Outcome outcome.Outcome

	// TimedOut says that no more is known of the node: asked again, it may answer.
	TimedOut bool

	// Unreached says that it was the node that could not be reached. Its health checks
	// should hear of it.
	Unreached bool
}

// FailureOf classifies the error of an attempt.
func FailureOf(err error) Failure {
	f := Failure{Outcome: outcomeOf(err), TimedOut: timedOut(err)}
	f.Unreached = f.Outcome == outcome.DialFailed && !errors.Is(err, ErrNoTurn)
	return f
}

func outcomeOf(err error) outcome.Outcome {
	if _, ok := errors.AsType[*websocket.ResponseError](err); ok {
		return outcome.UpgradeRefused
	}
	errno, _ := errors.AsType[syscall.Errno](err)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return outcome.DescriptorsExceeded
	case syscall.EADDRNOTAVAIL: // no ephemeral port to this node is left; to another one may be
		return outcome.PortsExceeded
	default:
		return outcome.DialFailed
	}
}

// timedOut reports whether it was time that ran out.
func timedOut(err error) bool {
	if errors.Is(err, ErrNoTurn) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
