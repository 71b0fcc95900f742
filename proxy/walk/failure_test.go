package walk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// late is an error with a Timeout method.
type late struct{ error }

func (late) Timeout() bool   { return true }
func (e late) Unwrap() error { return e.error }

// Of several addresses, one that we were too short to try decides, then one that did not answer in time.
func TestFailureAtSeveralAddressesIsClassifiedByTheOneThatDecides(t *testing.T) {
	refused, dead := syscall.ECONNREFUSED, Failure{Outcome: outcome.DialFailed, Unreached: true}
	for _, row := range []struct {
		errs []error
		want Failure
	}{
		{[]error{refused, syscall.EHOSTUNREACH}, dead},
		{[]error{refused, late{errors.New("no connection")}}, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{[]error{late{errors.New("no connection")}, refused}, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{[]error{refused, syscall.EADDRNOTAVAIL}, Failure{Outcome: outcome.PortsExceeded}},
		{[]error{syscall.EADDRNOTAVAIL, refused}, Failure{Outcome: outcome.PortsExceeded}},
		{[]error{syscall.EADDRNOTAVAIL, syscall.EMFILE}, Failure{Outcome: outcome.DescriptorsExceeded}},
		{[]error{refused, &tlsterm.NodeError{Err: ErrNoTurn}}, Failure{Outcome: outcome.DialFailed, TimedOut: true}},
		{[]error{refused, &tlsterm.NodeError{Err: io.EOF}}, dead},
	} {
		var all balancer.AddrErrors
		for _, err := range row.errs {
			all = append(all, balancer.AddrError{Err: &net.OpError{Op: "dial", Net: "tcp", Err: err}})
		}
		if got := FailureOf(all); got != row.want {
			t.Errorf("%v is %v, want %v", all, got, row.want)
		}
	}
}

// A lack of our own descriptors or ports must not count against a node. A node that did
// not answer in time may answer the next attempt.
func TestFailureIsClassifiedByItsCause(t *testing.T) {
	for _, row := range []struct {
		err  error
		want Failure
	}{
		{syscall.EMFILE, Failure{Outcome: outcome.DescriptorsExceeded, TimedOut: false, Unreached: false}},
		{syscall.ENFILE, Failure{Outcome: outcome.DescriptorsExceeded, TimedOut: false, Unreached: false}},
		{syscall.ENOBUFS, Failure{Outcome: outcome.DescriptorsExceeded, TimedOut: false, Unreached: false}},
		{syscall.ENOMEM, Failure{Outcome: outcome.DescriptorsExceeded, TimedOut: false, Unreached: false}},
		{syscall.EADDRNOTAVAIL, Failure{Outcome: outcome.PortsExceeded, TimedOut: false, Unreached: false}},
		{&balancer.SourceError{Err: syscall.EADDRNOTAVAIL}, Failure{Outcome: outcome.PortsExceeded}},
		{&balancer.SourceError{Err: syscall.EADDRNOTAVAIL, Bind: true}, Failure{Outcome: outcome.NoSource}},
		{&balancer.SourceError{Err: syscall.EPERM, Bind: true}, Failure{Outcome: outcome.NoSource}},
		{&balancer.SourceError{Err: syscall.EINVAL}, Failure{Outcome: outcome.NoSource}},
		{syscall.ECONNREFUSED, Failure{Outcome: outcome.DialFailed, TimedOut: false, Unreached: true}},
		{syscall.EHOSTUNREACH, Failure{Outcome: outcome.DialFailed, TimedOut: false, Unreached: true}},
		{syscall.ETIMEDOUT, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{context.DeadlineExceeded, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{os.ErrDeadlineExceeded, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{late{errors.New("no connection")}, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: true}},
		{context.Canceled, Failure{Outcome: outcome.DialFailed, TimedOut: false, Unreached: true}},
		{ErrUnresolved, Failure{Outcome: outcome.DialFailed, TimedOut: false, Unreached: true}},
		{ErrResolving, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: false}},
		{ErrNoTurn, Failure{Outcome: outcome.DialFailed, TimedOut: true, Unreached: false}},
		{errRefusedUpgrade, Failure{Outcome: outcome.UpgradeRefused, OfRequest: true}},
		{&websocket.ResponseError{Status: 431}, Failure{Outcome: outcome.UpgradeRefused, OfRequest: true}},
		{&websocket.ResponseError{Status: 429}, Failure{Outcome: outcome.UpgradeRefused}},
		{late{&websocket.ResponseError{Reason: "no answer"}}, Failure{Outcome: outcome.UpgradeRefused, TimedOut: true, Unreached: false}},
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
