package balancer

import (
	"errors"
	"syscall"
)

// Shortage is a resource of this host that a connection to a node needs and that has run out. It says
// nothing about the node.
type Shortage uint8

// The shortages.
const (
	NoShortage  Shortage = iota
	Descriptors          // or memory
	Ports                // ephemeral ones for the node's address; another address may have one
)

// ShortageOf returns the shortage that an error of a connection to a node comes from.
func ShortageOf(err error) Shortage {
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
