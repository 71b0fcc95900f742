package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"mqttlb/proxy/reactor"
)

// Inherited holds the listening sockets that the process was started with, as by systemd's socket
// activation. A listener at the address of such a socket, or else with its name, accepts from it and
// binds none of its own; all loops share its one queue. A socket is kept to the end of the process
// once a listener has used it, also while no listener does: after a reload a listener may use it again.
// A nil Inherited holds none.
type Inherited struct {
	mu      sync.Mutex // guards the fields below
	sockets []*inheritedSocket
}

// inheritedSocket is one of them.
type inheritedSocket struct {
	fd    int32
	name  string   // that the service manager gave it
	bound net.Addr // a *net.TCPAddr or *net.UnixAddr
	used  bool
}

// NewInherited takes over the files, which must be listening sockets of TCP or Unix. The error names
// those that are not.
func NewInherited(files []*os.File) (*Inherited, error) {
	in := &Inherited{}
	var wrong []error
	for _, f := range files {
		fd := int32(f.Fd())
		bound, err := reactor.ListeningAddr(fd)
		if err == nil {
			fd, err = reactor.Duplicate(fd)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("inherited descriptor %d, named %q: %w; a listener needs a listening stream socket (ListenStream= and Accept=no)", f.Fd(), f.Name(), err))
			continue
		}
		_ = f.Close()
		in.sockets = append(in.sockets, &inheritedSocket{fd: fd, name: f.Name(), bound: bound})
	}
	if err := errors.Join(wrong...); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

// find returns the socket of a listener, and marks it as used: the one at its address, or else the
// first one with its name. It returns nil if there is none.
func (in *Inherited) find(network, address, name string) *inheritedSocket {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, matches := range [...]func(*inheritedSocket) bool{
		func(s *inheritedSocket) bool { return s.at(network, address) },
		func(s *inheritedSocket) bool { return s.everywhere(network, address) },
		func(s *inheritedSocket) bool { return s.name == name },
	} {
		for _, s := range in.sockets {
			if matches(s) {
				s.used = true
				return s
			}
		}
	}
	return nil
}

// at reports whether the socket is bound to a listener's address. An address without a host is [::].
func (s *inheritedSocket) at(network, address string) bool {
	if network == "unix" {
		return s.bound.Network() == "unix" && s.bound.String() == address
	}
	if strings.HasPrefix(address, ":") {
		address = "[::]" + address
	}
	bound, ok := s.bound.(*net.TCPAddr)
	wanted, err := netip.ParseAddrPort(address)
	return ok && err == nil && wanted == netip.AddrPortFrom(bound.AddrPort().Addr().Unmap(), bound.AddrPort().Port())
}

// everywhere reports whether the socket is bound to all IPv4 addresses and the listener to all of both
// kinds: the service manager decides then.
func (s *inheritedSocket) everywhere(network, address string) bool {
	return network != "unix" && strings.HasPrefix(address, ":") && s.at(network, "0.0.0.0"+address)
}

// Listen returns a listener on the inherited socket with the address or name, and nil if there is none. It is for
// servers other than [Server].
func (in *Inherited) Listen(network, address, name string) (net.Listener, error) {
	s := in.find(network, address, name)
	if s == nil {
		return nil, nil
	}
	fd, err := reactor.Duplicate(s.fd)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), s.name)
	defer f.Close()
	return net.FileListener(f) // which has a descriptor of its own, and leaves the path of a Unix socket alone
}

// CloseUnused closes the sockets that no listener has used, and describes them.
func (in *Inherited) CloseUnused() (unused []string) {
	return in.closeIf(func(s *inheritedSocket) bool { return !s.used })
}

// Close closes all sockets. Listeners keep descriptors of their own.
func (in *Inherited) Close() {
	in.closeIf(func(*inheritedSocket) bool { return true })
}

func (in *Inherited) closeIf(which func(*inheritedSocket) bool) (closed []string) {
	if in == nil {
		return nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	var kept []*inheritedSocket
	for _, s := range in.sockets {
		if !which(s) {
			kept = append(kept, s)
			continue
		}
		reactor.Close(s.fd)
		closed = append(closed, fmt.Sprintf("%s %s, named %q", s.bound.Network(), s.bound, s.name))
	}
	in.sockets = kept
	return closed
}
