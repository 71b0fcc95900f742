package proxy

import (
	"fmt"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// backlog holds the bytes that the socket of a stream has not taken yet. A peer that takes none of
// them for timeouts.write is stuck.
//
// A slow reader is not stuck. The kernel reports room in a large socket only when a third of it is
// free, and that can take a slow reader minutes. So the loop checks several times within the limit
// whether the peer has acknowledged anything.
type backlog struct {
	bytes     []byte       // in the form that the socket gets
	size      int          // memory that bytes holds, with those that the socket has taken
	waiting   int          // bytes in the socket that the peer had not acknowledged at the last check
	lastTake  reactor.Tick // when the peer was last seen to take bytes; at first, when the backlog began
	lastCheck reactor.Tick
}

// checksPerLimit is how often a backlog is checked within timeouts.write. A session ends when its peer
// has taken nothing for that time, or for at most a quarter more.
const checksPerLimit = 4

// send writes b to the socket of a stream, after the bytes that are kept.
func (l *loop) send(h *stream, b []byte) error {
	if h.kept != nil {
		l.keepUnsent(h, b)
		return nil
	}
	n, err := reactor.Send(h.fd, b)
	if err == nil && n < len(b) {
		l.keepUnsent(h, b[n:])
	}
	return err
}

// keepUnsent adds bytes that the socket did not take to the backlog.
func (l *loop) keepUnsent(h *stream, b []byte) {
	if h.kept == nil {
		h.kept = &backlog{}
		l.keptStreams++
		l.noteProgress(h)
	}
	k, room := h.kept, cap(h.kept.bytes)
	k.bytes, h.wantsRoom = append(k.bytes, b...), true
	if cap(k.bytes) > room { // they have moved
		l.keptBytes += int64(cap(k.bytes) - k.size)
		k.size = cap(k.bytes)
	}
}

// dropKept drops the backlog of a stream, if there is one.
func (l *loop) dropKept(h *stream) {
	if h.kept != nil {
		l.keptBytes -= int64(h.kept.size)
		l.keptStreams--
		h.kept = nil
	}
}

// flush sends the backlog of a stream that has room again, and returns how many bytes its socket took.
func (l *loop) flush(h *stream) (taken int, err error) {
	taken, err = reactor.Send(h.fd, h.kept.bytes)
	switch {
	case err != nil:
	case taken == len(h.kept.bytes):
		l.dropKept(h)
		h.closeOutput()
	case taken > 0:
		h.kept.bytes = h.kept.bytes[taken:]
		l.noteProgress(h)
	}
	return taken, err
}

// noteProgress notes that the peer has taken bytes of its backlog.
func (l *loop) noteProgress(h *stream) {
	now := l.Timers.Now()
	h.kept.lastTake, h.kept.lastCheck, h.kept.waiting = now, now, reactor.Unacknowledged(h.fd)
}

// checkAt returns when to check the backlog of a stream, or 0 for never.
func (l *loop) checkAt(h *stream) reactor.Tick {
	limit := l.current.Timeouts.Write
	if h.kept == nil || limit == 0 {
		return 0
	}
	return h.kept.lastCheck + reactor.Ticks(limit/checksPerLimit) + 1 // the current tick is not a whole one
}

// nextCheck returns the stream of a session whose backlog is checked next, and when, or nil if there
// is none. A session that has not reached its node, or that leaves, is limited by the deadline of its
// step.
func (l *loop) nextCheck(s *session) (h *stream, at reactor.Tick) {
	if s.step != stepConfirm && s.step != stepRelay {
		return nil, 0
	}
	client, server := l.checkAt(&s.client), l.checkAt(&s.server)
	if client == 0 || server != 0 && server < client {
		return pick(server != 0, &s.server, nil), server
	}
	return &s.client, client
}

// checkBacklogs has the present timeouts.write hold for the backlogs that there are already. A session
// with a stuck peer may have no event that would set its timer.
func (srv *Server) checkBacklogs() {
	select {
	case <-srv.running:
	default:
		return // there are no sessions, and no loop reads its mail
	}
	for _, c := range srv.engine.cursors(0) {
		for !c.over() {
			c.look(func(s *session) bool {
				c.loop.arm(s)
				return true
			})
		}
	}
}

// checkBacklog sends what it can of a backlog whose check is due. It ends the session if the peer is
// stuck and runs its steps otherwise.
func (l *loop) checkBacklog(s *session, h *stream) {
	if l.flushAndResume(s, h) { // an event in this turn may have reported room
		return
	}
	if b := h.kept; b != nil {
		if waiting := reactor.Unacknowledged(h.fd); waiting < b.waiting {
			l.noteProgress(h)
		}
		b.lastCheck = l.Timers.Now()
		if b.lastCheck > b.lastTake+reactor.Ticks(l.current.Timeouts.Write) {
			l.giveUpWriting(s, h)
			return
		}
	}
	l.advance(s)
}

// giveUpWriting ends a session with a stuck peer.
func (l *loop) giveUpWriting(s *session, h *stream) {
	if s.outcome == outcome.ClientReset || s.outcome == outcome.ServerReset {
		l.finish(s, s.outcome) // the connection of the other peer broke before
		return
	}
	s.stuck = pick(h == &s.client, clientStuck, nodeStuck)
	l.counters.stuck[s.stuck-clientStuck]++
	l.resume(s, l.leave(s, outcome.WriteTimeout))
}

// stuck is the side of a session whose peer takes no bytes.
type stuck uint8

const (
	noneStuck stuck = iota
	clientStuck
	nodeStuck
)

// stuckFault is the error in the log line of a session that a stuck peer has ended.
func (l *loop) stuckFault(s *session) string {
	const why = "took nothing of what is kept for it within timeouts.write"
	limit := l.current.Timeouts.Write
	if s.stuck == clientStuck {
		return fmt.Sprintf("the client %s (%v)", why, limit)
	}
	return failure(s.flow.node, fmt.Errorf("it %s (%v)", why, limit))
}

// abortStuck makes the kernel drop the bytes that it could not deliver, and send RST. Otherwise the
// kernel keeps them while the peer answers its probes, which may be for ever.
func (s *session) abortStuck() {
	for _, h := range [...]*stream{&s.client, &s.server} {
		if h.kept != nil {
			reactor.Abort(h.fd)
		}
	}
}
