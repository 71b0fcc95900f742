package proxy

import (
	"net/netip"
	"syscall"

	"mqttlb/balancer"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/source"
)

// connectNode begins a connection to an address of a node of the session's pool, from one of the pool's source
// addresses. Close it with closeNodeSocket.
func (l *loop) connectNode(s *session, to netip.AddrPort) (fd int32, err error) {
	switch from := s.pending.pool.Source; {
	case from == nil:
		return l.connectFrom(s, to, netip.Addr{}, false)
	case from.IsTransparent():
		return l.connectFrom(s, to, source.Client(s.source.addrPort().Addr(), to), true)
	default:
		use, err := from.Connect(to, source.Session, func(from netip.Addr) (err error) {
			fd, err = l.connectFrom(s, to, from, false)
			return err
		})
		if err == nil && use != nil {
			l.sources[fd] = use
		}
		return fd, err
	}
}

// connectFrom begins a connection to a node from an address; one that is not valid is the kernel's choice. After an
// error there is no socket.
func (l *loop) connectFrom(s *session, to netip.AddrPort, from netip.Addr, transparent bool) (int32, error) {
	fd, err := reactor.NewSocket(to, l.current.SocketBuffer)
	if err != nil {
		return -1, err
	}
	if s.idle == 0 {
		// Without an idle limit, only TCP's keepalive notices that the node's machine is gone.
		reactor.KeepAlive(fd)
	}
	if from.IsValid() {
		if err := l.BindSource(fd, from, transparent); err != nil {
			reactor.Close(fd)
			return -1, &balancer.SourceError{Source: from, To: to, Bind: true, Err: err}
		}
	}
	if err := l.Connect(fd, to); err != nil {
		reactor.Close(fd)
		if err == syscall.EADDRNOTAVAIL {
			err = &balancer.SourceError{Source: from, To: to, Err: err}
		}
		return -1, err
	}
	return fd, nil
}

// closeNodeSocket closes a connection to a node.
func (l *loop) closeNodeSocket(fd int32) {
	reactor.Close(fd)
	if use := l.sources[fd]; use != nil {
		delete(l.sources, fd)
		use.Release(source.Session)
	}
}
