package proxy

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// Our own want of descriptors or ports must not count against a node.
func TestShortagesOfOurOwnAreToldFromANodesFailure(t *testing.T) {
	for errno, want := range map[syscall.Errno]Outcome{
		syscall.EMFILE:        DescriptorsExceeded,
		syscall.ENFILE:        DescriptorsExceeded,
		syscall.ENOBUFS:       DescriptorsExceeded,
		syscall.ENOMEM:        DescriptorsExceeded,
		syscall.EADDRNOTAVAIL: PortsExceeded,
		syscall.ECONNREFUSED:  DialFailed,
		syscall.EHOSTUNREACH:  DialFailed,
	} {
		wrapped := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
		for _, err := range []error{errno, wrapped, fmt.Errorf("node: %w", wrapped)} {
			if got := shortage(err); got != want {
				t.Errorf("%v is %v, want %v", err, got, want)
			}
		}
	}
	for _, err := range []error{errDialTimeout, errUnresolved} {
		if got := shortage(err); got != DialFailed {
			t.Errorf("%v is %v, want %v", err, got, DialFailed)
		}
	}
}
