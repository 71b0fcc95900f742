package proxy

import (
	"errors"
	"net/netip"
	"slices"

	"mqttlb/balancer"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/walk"
)

// A node may have several addresses, which all lead to the same broker. An attempt to reach it tries them one after
// the other, as RFC 8305 (Happy Eyeballs) says: the next one at once when a connection fails, and beside the
// others when none is made within walk.BesideAfter. The first connection that is made wins, and the others are aborted.

// contendersPerLoop limits the connections beside those of the sessions that one loop makes, and so the descriptors that a
// storm needs while the addresses of a node do not answer. Beyond it a connection makes room for the next one.
const contendersPerLoop = 64

var errOvertaken error = &timeoutError{errors.New("no connection within its time, and other addresses are left")}

// race is the part of an attempt that is about the other addresses of its node. It is empty if the node has one.
type race struct {
	left   []netip.AddrPort    // not tried yet
	others []contender         // the connections that are being made beside that of the session; the oldest first
	failed balancer.AddrErrors // the addresses at which the node was not reached

	overtaken int // connections that were aborted, since another one was made
}

// contender is a connection that is being made.
type contender struct {
	stream
	at    netip.AddrPort
	begun reactor.Tick
}

// dialAddress begins a connection to an address of the session's node.
func (l *loop) dialAddress(s *session, to netip.AddrPort) error {
	if err := l.current.mayDial(to, &l.server.host); err != nil {
		return err
	}
	s.pending.dialled, s.pending.begun = to, l.Timers.Now()
	fd, err := l.connectNode(s, to)
	if err != nil {
		return err
	}
	s.server = l.newStream(fd)
	return nil
}

// dialNext begins a connection to the next address that is left and not known to fail at once. If there is none, the
// session goes on with one of the other connections. dialNext returns false if there is none of these either.
func (l *loop) dialNext(s *session) bool {
	o := s.pending
	for len(o.left) > 0 {
		to := o.left[0]
		o.left = o.left[1:]
		err := l.dialAddress(s, to)
		if err == nil {
			s.server.wantsRoom = true // reports when the connection is made
			return true
		}
		l.failAddress(s, to, err)
		if balancer.ShortageOf(err) == balancer.Descriptors {
			o.left = nil // another address would need a descriptor, too
		}
	}
	last := len(o.others) - 1
	if last < 0 {
		return false
	}
	c := l.quit(o, last)
	s.server, o.dialled, o.begun = c.stream, c.at, c.begun
	return true
}

// failAddress drops the session's connection to an address, if there is one, and notes why.
func (l *loop) failAddress(s *session, at netip.AddrPort, err error) {
	s.pending.failed = append(s.pending.failed, balancer.AddrError{Addr: at, Err: err})
	l.closeStream(&s.server)
}

// closeStream closes a connection to a node, if there is one.
func (l *loop) closeStream(h *stream) {
	if h.fd >= 0 {
		l.closeNodeSocket(h.fd)
		l.dropKept(h)
		*h = stream{fd: -1}
	}
}

// tryOther goes on with another address of the node after the connection to one has failed. If there is none, it returns
// the error of the attempt.
func (l *loop) tryOther(s *session, err error) error {
	o := s.pending
	if len(o.left)+len(o.others) == 0 {
		return err
	}
	l.failAddress(s, o.dialled, err)
	if !l.dialNext(s) {
		return o.failed
	}
	l.limitAddress(s)
	return nil
}

// enter adds a contender to a race.
func (l *loop) enter(o *pending, c contender) {
	o.others = append(o.others, c)
	l.contenders++
}

// quit takes a contender out of a race.
func (l *loop) quit(o *pending, i int) contender {
	c := o.others[i]
	o.others = slices.Delete(o.others, i, i+1)
	l.contenders--
	return c
}

// mayTryBeside reports whether the session's time for one address is over, and not that of the attempt.
func (l *loop) mayTryBeside(s *session) bool {
	return len(s.pending.left) > 0 && s.pending.borrower != nodeHandshake && l.Timers.Now() < s.pending.until
}

// tryBeside begins a connection to the next address beside those that are being made. It returns the error of the attempt if none
// is left.
func (l *loop) tryBeside(s *session) error {
	o := s.pending
	l.enter(o, contender{s.server, o.dialled, o.begun})
	s.server = stream{fd: -1}
	if len(o.others) == walk.MostAbreast || l.contenders > contendersPerLoop {
		oldest := l.quit(o, 0)
		o.failed = append(o.failed, balancer.AddrError{Addr: oldest.at, Err: errOvertaken})
		reactor.Abort(oldest.fd)
		l.closeStream(&oldest.stream)
	}
	if !l.dialNext(s) {
		return o.failed
	}
	l.limitAddress(s)
	return nil
}

// limitAddress sets the time after which the next address is tried, or the attempt is over. What is left of the
// attempt's time is enough for all addresses.
func (l *loop) limitAddress(s *session) {
	o := s.pending
	s.deadline = o.until
	if left := reactor.Tick(len(o.left)); left > 0 {
		now := l.Timers.Now()
		share := (max(o.until, now) - now) / (left + 1)
		s.deadline = min(l.In(walk.BesideAfter), now+max(share, 1), o.until)
	}
}

// contenderEvent handles an event of a connection that is being made beside that of the session.
func (l *loop) contenderEvent(s *session, birth uint32) {
	o := s.pending
	for i := range o.others {
		c := &o.others[i]
		if c.birth != birth {
			continue
		}
		switch err := reactor.Connected(c.fd); {
		case err == nil: // it wins
			*c, s.server, o.dialled, o.begun = contender{s.server, o.dialled, o.begun}, c.stream, c.at, c.begun
			l.advance(s)
		case !errors.Is(err, reactor.ErrNotConnected):
			failed := l.quit(o, i)
			o.failed = append(o.failed, balancer.AddrError{Addr: failed.at, Err: err})
			l.closeStream(&failed.stream)
		}
		return
	}
}

// winRace ends the race once the connection of the session is made: it aborts the others. A TLS handshake may still fail, and
// then their addresses are tried after all that are left.
func (l *loop) winRace(s *session) {
	o := s.pending
	if len(o.left)+len(o.others)+len(o.failed)+o.overtaken == 0 {
		return
	}
	s.deadline = o.until
	o.overtaken += len(o.others)
	if o.pool.TLS != nil && s.server.layers == nil {
		for i := range o.others {
			o.left = append(o.left[:len(o.left):len(o.left)], o.others[i].at)
		}
		o.abortOthers(l)
		return
	}
	o.abortOthers(l)
	if len(o.failed)+o.overtaken > 0 {
		l.passedOver(s)
	}
	o.race = race{others: o.others}
}

// abortOthers aborts the connections beside that of the session: a node need not accept those.
func (r *race) abortOthers(l *loop) {
	for i := range r.others {
		reactor.Abort(r.others[i].fd)
		l.closeStream(&r.others[i].stream)
	}
	l.contenders -= len(r.others)
	r.others = r.others[:0]
}

// passedOver counts the addresses at which the node was not reached before it was reached at another one, and has the
// node probed soon: then sessions try the right address first.
func (l *loop) passedOver(s *session) {
	o := s.pending
	l.counters.flow(s.listener.Name, o.pool.Name, o.node).PassedOver += uint64(len(o.failed) + o.overtaken)
	if len(o.failed) > 0 {
		if balancer.ShortageOf(o.failed) != balancer.NoShortage {
			return
		}
		l.server.journal.dialFailed(s.listener, o.pool.Name, o.node, o.failed)
	}
	if o.pool.DialFailed != nil {
		o.pool.DialFailed(o.node)
	}
}

// atAll returns the error of an attempt that has tried several addresses; err is about those that are being tried.
func (o *pending) atAll(err error) error {
	if _, whole := errors.AsType[balancer.AddrErrors](err); whole || len(o.failed)+len(o.others) == 0 {
		return err
	}
	all := slices.Clone(o.failed)
	for _, c := range o.others {
		all = append(all, balancer.AddrError{Addr: c.at, Err: err})
	}
	return append(all, balancer.AddrError{Addr: o.dialled, Err: err})
}

// tryAfterHandshake is tryOther after a TLS handshake that broke: the connection may have been accepted by something in front
// of the node. What the node itself says against the handshake it would say at each of its addresses.
func (l *loop) tryAfterHandshake(s *session, err error) error {
	o := s.pending
	if len(o.left) == 0 || !walk.Broke(err) || l.Timers.Now() >= o.until {
		return err
	}
	o.reclaim()
	return l.tryOther(s, err)
}
