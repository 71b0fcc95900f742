package balancer

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
)

// TestAShortageDecidesWhateverTheOtherAddressesSay has a node with several addresses that was reached at none of them.
func TestAShortageDecidesWhateverTheOtherAddressesSay(t *testing.T) {
	refused, silent := error(syscall.ECONNREFUSED), context.DeadlineExceeded
	port := &SourceError{Err: syscall.EADDRNOTAVAIL}
	source := &SourceError{Bind: true, Err: syscall.EADDRNOTAVAIL}
	for _, test := range []struct {
		errs  []error
		first error
		want  Shortage
	}{
		{[]error{refused, silent}, silent, NoShortage},
		{[]error{refused, silent, port}, port, Ports},
		{[]error{refused, silent, source}, source, Sources},
		{[]error{source, silent, syscall.EMFILE}, syscall.EMFILE, Descriptors},
		{[]error{port, syscall.EMFILE}, syscall.EMFILE, Descriptors},
	} {
		var at AddrErrors
		for i, err := range test.errs {
			at = append(at, AddrError{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}), 1883), err})
		}
		if first := at.Unwrap()[0]; first != test.first {
			t.Errorf("%v: %v decides, want %v", at, first, test.first)
		}
		slices.Reverse(at)
		if got := ShortageOf(fmt.Errorf("dial: %w", at)); got != test.want {
			t.Errorf("%v: shortage %d, want %d", at, got, test.want)
		}
	}
}
