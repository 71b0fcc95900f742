//go:build !linux || plain

package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"mqttlb/mqttparse"
)

// copySize is the size of a direction's buffer.
const copySize = 32 << 10

var errClientGone = errors.New("the client broke during the dial")

// unwrap reads the PROXY header of a peer that is trusted to send one.
func (s *session) unwrap() Outcome {
	if !s.listener.trusts(s.source.Addr()) {
		return s.meet()
	}
	for {
		h, err := unwrap(s.bytes)
		switch err {
		case nil:
			s.bytes = s.bytes[h.length:]
			if !h.source.IsValid() {
				return outcomeNone // the proxy itself, whom no limit is meant for
			}
			s.source, s.destination = h.source, h.destination
			return s.meet()
		case errHeaderShort:
			if s.fill(copySize) != nil {
				return ClientGone
			}
		default:
			s.note(func() { s.fault = err.Error() })
			return BadProxyHeader
		}
	}
}

// meet applies the limits of the client's address, which is known now.
func (s *session) meet() Outcome {
	refused, counted := s.engine.server.addresses.enter(s.source.Addr(), s.engine.server.now())
	s.counted = counted
	if refused != outcomeNone {
		s.excess = refused
		if !counted {
			return refused
		}
	}
	return outcomeNone
}

// note changes what the log will say of the session, which a timer may end at
// any time.
func (s *session) note(change func()) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	change()
}

// peek reads the CONNECT.
func (s *session) peek() Outcome {
	if s.listener.Protocol == TCP {
		return outcomeNone
	}
	for {
		r, err := peek(s.bytes, &s.connect, s.engine.server.snapshot.MaxConnectSize)
		s.version = s.connect.Version
		switch err {
		case nil:
			s.note(func() { s.id = logged(s.connect.ClientID) })
			return outcomeNone
		case mqttparse.ErrShort:
			if s.fill(copySize) != nil {
				return ClientGone
			}
		default:
			if r.outcome == NotMQTT && s.listener.AcceptProxy && looksWrapped(s.bytes) {
				r.outcome = UntrustedProxy
			}
			s.note(func() { s.fault = err.Error() })
			return s.refuse(r)
		}
	}
}

// fill reads up to size more bytes of what the client sends first.
func (s *session) fill(size int) error {
	s.bytes = slices.Grow(s.bytes, size)
	n, err := s.client.Read(s.bytes[len(s.bytes):][:size])
	s.bytes = s.bytes[:len(s.bytes)+n]
	s.client.moved += uint64(n)
	if n > 0 {
		return nil
	}
	return err
}

// admit applies the limits.
func (s *session) admit() Outcome {
	if r, ok := admit(s.excess, s.engine.server.rate, s.engine.server.now()); !ok {
		return s.refuse(r)
	}
	return outcomeNone
}

// route finds the key of the session, and with it the order of the nodes.
func (s *session) route() Outcome {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.disarmLocked() // connect_packet is kept
	setting, connect := s.engine.server.snapshot.Timeouts.Idle, &s.connect
	if s.listener.Protocol == TCP {
		connect = nil
		s.idle = setting
	} else {
		s.idle = idleLimit(setting, connect.KeepAlive)
		s.byKeepAlive = setting == 0
		s.confirming = true
	}
	pool := s.listener.Pool
	s.candidates = pool.Candidates(route(pool, connect, s.source.Addr(), nil))
	s.reason = NoNode
	return outcomeNone
}

// dial reaches the first candidate that takes a connection and the first bytes.
func (s *session) dial() Outcome {
	for {
		node := s.candidates.Next()
		if node == nil {
			return s.noNodeLeft()
		}
		if !node.Acquire() {
			if s.reason == NoNode {
				s.reason = NodesFull
			}
			continue
		}
		s.node = node
		err := s.reach()
		if err == nil {
			err = s.announce()
		}
		switch err {
		case nil:
			return outcomeNone
		case errClientGone:
			return ClientGone
		}
		s.giveUp(err)
		if s.reason == DescriptorsExceeded {
			return s.noNodeLeft() // another node would need one too
		}
	}
}

// noNodeLeft refuses a session that no candidate has taken.
func (s *session) noNodeLeft() Outcome {
	s.note(func() { s.fault = s.failure })
	return s.refuse(noCandidate(s.reason))
}

// reach opens a connection to the session's node, unless the client breaks
// meanwhile: a read of one byte tells.
func (s *session) reach() error {
	addrs := s.node.Addrs()
	if len(addrs) == 0 {
		return errUnresolved
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.engine.server.snapshot.Timeouts.Dial)
	defer cancel()
	watched := make(chan bool, 1)
	go func() { // ends when the client does something, or when the dial is over
		err := s.fill(1)
		broken := err != nil && err != io.EOF && !errors.Is(err, os.ErrDeadlineExceeded)
		if broken {
			cancel()
		}
		watched <- broken
	}()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addrs[0].String())
	_ = s.client.SetReadDeadline(time.Unix(1, 0))
	broken := <-watched
	_ = s.client.SetReadDeadline(time.Time{})
	switch {
	case err == nil:
		s.attach(c)
	case ctx.Err() == context.DeadlineExceeded:
		err = errDialTimeout
	}
	if broken {
		return errClientGone
	}
	return err
}

// attach gives the session the connection to its node.
func (s *session) attach(c net.Conn) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	s.server.Conn = c
	if s.forced != outcomeNone {
		_ = c.Close()
	}
}

// announce writes the PROXY header and the CONNECT, in one.
func (s *session) announce() error {
	first := s.bytes
	if version := s.listener.Pool.SendProxy; version != 0 {
		source, destination := s.source, s.destination
		if !source.IsValid() {
			// A client on a Unix socket has no address: this is our own connection.
			source, destination = addressOf(s.server.LocalAddr()), addressOf(s.server.RemoteAddr())
		} else if !destination.IsValid() {
			destination = addressOf(s.client.LocalAddr())
		}
		header, err := announce(nil, version, source, destination)
		if err != nil {
			return err
		}
		first = append(header, first...)
	}
	// A node that takes no bytes is none that was reached.
	_ = s.server.SetWriteDeadline(time.Now().Add(s.engine.server.snapshot.Timeouts.Dial))
	if _, err := s.server.Write(first); err != nil {
		return err
	}
	_ = s.server.SetWriteDeadline(time.Time{})

	e := s.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	s.flow = &e.counters.flows[s.listener.index][s.node.Index]
	s.flow.Open++
	s.flow.Total++
	s.flow.Received += uint64(len(s.bytes))
	s.bytes, s.connect = nil, mqttparse.Connect{}
	s.armIdleLocked()
	return nil
}

// giveUp drops the connection to a node that could not be made.
func (s *session) giveUp(err error) {
	e := s.engine
	e.mu.Lock()
	if s.server.Conn != nil {
		_ = s.server.Close()
		s.server.Conn = nil
	}
	e.counters.flows[s.listener.index][s.node.Index].DialErrors++
	e.mu.Unlock()
	s.node.Release()
	s.reason, s.failure = shortage(err), failure(s.node, err)
	if failed := s.listener.Pool.DialFailed; failed != nil && s.reason == DialFailed {
		failed(s.node)
	}
	e.server.journal.dialFailed(s.listener, s.node, err)
	s.node = nil
}

// refuse tells the client, in its own version, that it is not taken, and sees
// it off: closing before it does could reset the connection and lose the
// refusal.
func (s *session) refuse(r refusal) Outcome {
	reply := mqttparse.AppendRefusal(nil, s.version, r.code)
	if r.code == 0 || len(reply) == 0 {
		return r.outcome
	}
	s.arm(lingerTime, r.outcome)
	if _, err := s.client.Write(reply); err == nil {
		closeWrite(&s.client)
		n, _ := io.CopyN(io.Discard, s.client, lingerBytes)
		s.client.moved += uint64(n)
	}
	return r.outcome
}
