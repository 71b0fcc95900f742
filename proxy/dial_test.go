package proxy

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"mqttlb/proxy/outcome"
)

// Our own want of descriptors or ports must not count against a node.
func TestShortagesOfOurOwnAreToldFromANodesFailure(t *testing.T) {
	for errno, want := range map[syscall.Errno]outcome.Outcome{
		syscall.EMFILE:        outcome.DescriptorsExceeded,
		syscall.ENFILE:        outcome.DescriptorsExceeded,
		syscall.ENOBUFS:       outcome.DescriptorsExceeded,
		syscall.ENOMEM:        outcome.DescriptorsExceeded,
		syscall.EADDRNOTAVAIL: outcome.PortsExceeded,
		syscall.ECONNREFUSED:  outcome.DialFailed,
		syscall.EHOSTUNREACH:  outcome.DialFailed,
	} {
		wrapped := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		for _, err := range []error{errno, wrapped, fmt.Errorf("node: %w", wrapped)} {
			if got := shortage(err); got != want {
				t.Errorf("%v is %v, want %v", err, got, want)
			}
		}
	}
	for _, err := range []error{errDialTimeout, errUnresolved} {
		if got := shortage(err); got != outcome.DialFailed {
			t.Errorf("%v is %v, want %v", err, got, outcome.DialFailed)
		}
	}
}
