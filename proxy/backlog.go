package proxy

import (
	"fmt"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// backlog is what the socket of a stream has not taken yet. A peer that takes none of it for timeouts.write is stuck.
//
// A slow reader is not. The kernel reports room in a large socket only when a third of it is free, which a slow reader can
// take minutes for, so the loop asks several times within the limit whether the peer has acknowledged anything.
type backlog struct {
	bytes     []byte       // as the socket is to get them
	waiting   int          // bytes in the socket that the peer had not acknowledged when it was last looked at
	lastTake  reactor.Tick // when the peer was last seen to take some; at first, when it did not take all
	lastCheck reactor.Tick
}

// checksPerLimit is how often a backlog is looked at within timeouts.write. A peer has stopped taking bytes for that time,
// and for a quarter more at the most, when its session ends.
const checksPerLimit = 4

// send gives b to the socket of a stream, after what is kept.
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

// keepUnsent keeps what the socket did not take, after what is kept already.
func (l *loop) keepUnsent(h *stream, b []byte) {
	if h.kept == nil {
		h.kept = &backlog{bytes: make([]byte, 0, len(b))}
		l.noteProgress(h)
	}
	h.kept.bytes, h.wantsRoom = append(h.kept.bytes, b...), true
}

// flush sends what is kept for a stream that has room again, and reports how many bytes its socket took.
func (l *loop) flush(h *stream) (taken int, err error) {
	taken, err = reactor.Send(h.fd, h.kept.bytes)
	switch {
	case err != nil:
	case taken == len(h.kept.bytes):
		h.kept = nil
		h.closeOutput()
	case taken > 0:
		h.kept.bytes = h.kept.bytes[taken:]
		l.noteProgress(h)
	}
	return taken, err
}

// noteProgress notes that the peer has taken some of what is kept for it.
func (l *loop) noteProgress(h *stream) {
	now := l.Timers.Now()
	h.kept.lastTake, h.kept.lastCheck, h.kept.waiting = now, now, reactor.Unacknowledged(h.fd)
}

// checkAt is when to look at what is kept for a stream; 0: never.
func (l *loop) checkAt(h *stream) reactor.Tick {
	limit := l.current.Timeouts.Write
	if h.kept == nil || limit == 0 {
		return 0
	}
	return h.kept.lastCheck + reactor.Ticks(limit/checksPerLimit) + 1 // the tick that it began in is not a whole one
}

// nextCheck is the stream of a session that is to be looked at next, and when; nil: none. A session that is not on its node
// yet, or that leaves, has a limit of its step.
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

// checkBacklog goes on with a session whose backlog it is time to look at, or ends it.
func (l *loop) checkBacklog(s *session, h *stream) {
	if l.flushAndResume(s, h) { // this turn may have an event for it that was not handled yet
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

// giveUpWriting ends a session one of whose peers is stuck.
func (l *loop) giveUpWriting(s *session, h *stream) {
	if s.outcome == outcome.ClientReset || s.outcome == outcome.ServerReset {
		l.finish(s, s.outcome) // the other's connection had broken before
		return
	}
	s.stuck = pick(h == &s.client, clientStuck, nodeStuck)
	l.resume(s, l.leave(s, outcome.WriteTimeout))
}

// stuck is the side of a session that takes nothing.
type stuck uint8

const (
	noneStuck stuck = iota
	clientStuck
	nodeStuck
)

// stuckFault is what the line says of a session that one of its sides has ended so.
func (l *loop) stuckFault(s *session) string {
	const why = "took nothing of what is kept for it within timeouts.write"
	limit := l.current.Timeouts.Write
	if s.stuck == clientStuck {
		return fmt.Sprintf("the client %s (%v)", why, limit)
	}
	return failure(s.flow.node, fmt.Errorf("it %s (%v)", why, limit))
}

// abortStuck makes the kernel forget what it could not deliver to a stuck peer, and tell it so with a RST. The kernel would
// otherwise keep it for as long as the peer answers its probes, which may be for ever.
func (s *session) abortStuck() {
	for _, h := range [...]*stream{&s.client, &s.server} {
		if h.kept != nil {
			reactor.Abort(h.fd)
		}
	}
}
