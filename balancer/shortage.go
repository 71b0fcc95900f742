package balancer

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// Shortage is a resource of this host that a connection to a node needs and that is not there. It says
// nothing about the node.
type Shortage uint8

// The shortages.
const (
	NoShortage  Shortage = iota
	Descriptors          // or memory
	Ports                // ephemeral ones for the node's address; another address may have one
	Sources              // no address of pools[].source can be used; another pool may have one
)

// ShortageOf returns the shortage that an error of a connection to a node comes from. Of [AddrErrors] the error that
// decides counts.
func ShortageOf(err error) Shortage {
	if at, ok := errors.AsType[AddrErrors](err); ok && len(at) > 0 {
		err = at.Unwrap()[0]
	}
	if source, ok := errors.AsType[*SourceError](err); ok {
		return source.shortage()
	}
	errno, _ := errors.AsType[syscall.Errno](err)
	switch errno {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return Descriptors
	case syscall.EADDRNOTAVAIL:
		return Ports
	default:
		return NoShortage
	}
}

// SourceError says that the connection to an address of a node could not be made from an address of
// this host.
type SourceError struct {
	Source netip.Addr     // not valid: the kernel chooses it
	To     netip.AddrPort // the address of the node
	Bind   bool           // the source could not even be bound, whatever the node
	Err    error
}

// Error names the source, and the setting to look at.
func (e *SourceError) Error() string {
	switch missing := errors.Is(e.Err, syscall.EADDRNOTAVAIL); {
	case e.Bind && missing:
		return fmt.Sprintf("source %v is no address of this host, see pools[].source", e.Source)
	case e.Bind:
		return fmt.Sprintf("source %v cannot be used, see pools[].source and transparent: %v", e.Source, e.Err)
	case missing && e.Source.IsValid():
		return fmt.Sprintf("no port of source %v is left for %v: see net.ipv4.ip_local_port_range, or add an address to pools[].source", e.Source, e.To)
	case missing:
		return fmt.Sprintf("no source port is left for %v: see net.ipv4.ip_local_port_range, or write addresses of this host to pools[].source", e.To)
	}
	return fmt.Sprintf("source %v cannot reach %v, see pools[].source: %v", e.Source, e.To, e.Err)
}

// Unwrap returns the error of the kernel.
func (e *SourceError) Unwrap() error { return e.Err }

func (e *SourceError) shortage() Shortage {
	if !e.Bind && errors.Is(e.Err, syscall.EADDRNOTAVAIL) {
		return Ports
	}
	return Sources
}
