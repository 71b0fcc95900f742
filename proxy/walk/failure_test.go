package walk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// late is an error with a Timeout method.
type late struct{ error }

func (late) Timeout() bool   { return true }
func (e late) Unwrap() error { return e.error }

// A lack of our own descriptors or ports must not count against a node. A node that did
// not answer in time may answer the next attempt.
func TestFailureIsClassifiedByItsCause(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Failure
	}{
		{syscall.EMFILE, Failure{outcome.DescriptorsExceeded, false, false}},
		{syscall.ENFILE, Failure{outcome.DescriptorsExceeded, false, false}},
		{syscall.ENOBUFS, Failure{outcome.DescriptorsExceeded, false, false}},
		{syscall.ENOMEM, Failure{outcome.DescriptorsExceeded, false, false}},
		{syscall.EADDRNOTAVAIL, Failure{outcome.PortsExceeded, false, false}},
		{syscall.ECONNREFUSED, Failure{outcome.DialFailed, false, true}},
		{syscall.EHOSTUNREACH, Failure{outcome.DialFailed, false, true}},
		{syscall.ETIMEDOUT, Failure{outcome.DialFailed, true, true}},
		{context.DeadlineExceeded, Failure{outcome.DialFailed, true, true}},
		{os.ErrDeadlineExceeded, Failure{outcome.DialFailed, true, true}},
		{late{errors.New("no connection")}, Failure{outcome.DialFailed, true, true}},
		{context.Canceled, Failure{outcome.DialFailed, false, true}},
		{ErrUnresolved, Failure{outcome.DialFailed, false, true}},
		{ErrResolving, Failure{outcome.DialFailed, true, false}},
		{ErrNoTurn, Failure{outcome.DialFailed, true, false}},
		{errRefusedUpgrade, Failure{outcome.UpgradeRefused, false, false}},
		{late{&websocket.ResponseError{Reason: "no answer"}}, Failure{outcome.UpgradeRefused, true, false}},
	} {
		wrapped := &net.OpError{Op: "dial", Net: "tcp", Err: row.err}
		if errno, ok := row.err.(syscall.Errno); ok {
			wrapped.Err = os.NewSyscallError("connect", errno)
		}
		for _, err := range []error{row.err, &tlsterm.NodeError{Err: row.err}, fmt.Errorf("TLS handshake: %w", row.err), fmt.Errorf("node: %w", wrapped)} {
			if got := FailureOf(err); got != row.want {
				t.Errorf("%v is %v, want %v", err, got, row.want)
			}
		}
	}
}

var errRefusedUpgrade = &websocket.ResponseError{Status: 403}
