package source

import (
	"errors"
	"syscall"

	"mqttlb/balancer"
)

// cause is what an error of a connection is about.
type cause uint8

const (
	ofNode  cause = iota // the node, or the network before it
	ofBind               // the source is no address of this host
	ofPorts              // the source has no port left for the node
	ofWay                // the kernel does not send from the source to the node: a loopback address and a node elsewhere
)

func kindOf(err error) cause {
	if e, ok := errors.AsType[*balancer.SourceError](err); ok && e.Bind {
		return ofBind
	}
	switch errno, _ := errors.AsType[syscall.Errno](err); errno {
	case syscall.EADDRNOTAVAIL:
		return ofPorts
	case syscall.EINVAL:
		return ofWay
	default:
		return ofNode
	}
}

// lost notes that an address could not be bound, and logs it once.
func (s *Set) lost(a *address, err error) {
	errno, _ := errors.AsType[syscall.Errno](err)
	a.errno.Store(uint32(errno))
	if a.missing.Swap(now()) == 0 {
		s.log.Warn("a source address cannot be used: connections to nodes begin at the others of its pool", "pool", s.pool, "error", err)
	}
}

// found notes that an address could be bound.
func (s *Set) found(a *address) {
	if a.missing.Load() != 0 && a.missing.Swap(0) != 0 {
		s.log.Info("a source address can be used again", "source", a.String(), "pool", s.pool)
	}
}
