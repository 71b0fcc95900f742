package balancer

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

// AddrError says why a node was not reached at one of its addresses.
type AddrError struct {
	Addr netip.AddrPort
	Err  error
}

// AddrErrors is the error of a node that was reached at none of several addresses.
type AddrErrors []AddrError

func (e AddrErrors) Error() string {
	var b strings.Builder
	for i, at := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(at.Addr.String() + ": " + at.Err.Error())
	}
	return b.String()
}

// Unwrap returns the errors in the order in which they decide what the failure means. A shortage of ours comes
// first, since the node might have been reached at that address; then addresses that did not answer in time,
// since they may answer the next time.
func (e AddrErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i, at := range e {
		errs[i] = at.Err
	}
	slices.SortStableFunc(errs, func(a, b error) int { return weightOf(a) - weightOf(b) })
	return errs
}

// weightOf is less for an error that decides.
func weightOf(err error) int {
	switch ShortageOf(err) {
	case Descriptors:
		return 0
	case Ports, Sources:
		return 1
	case NoShortage:
	}
	if TimedOut(err) {
		return 2
	}
	return 3
}

// TimedOut reports whether a connection to a node ran out of time.
func TimedOut(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}
