//go:build linux

package bench

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// readSize is the size of the largest read; one buffer of this size serves a whole loop.
const readSize = 256 << 10

// wakeInterval is the longest time between two checks of a loop's context and of its
// caller's condition.
const wakeInterval = 50 * time.Millisecond

// Broker is a stub: it accepts any CONNECT, with or without a PROXY header before it,
// acknowledges every packet that needs it, and routes nothing. When a client closes, the
// broker closes with a RST, so that the balancer keeps no TIME_WAIT.
type Broker struct {
	poll      *poll
	listeners []listener
	addrs     []netip.AddrPort
	conns     []*brokerConn // by descriptor; nil: not a connection
	in        []byte
	out       []byte
	frames    []byte // buffer for WebSocket frames
	stats     BrokerStats
}

// BrokerStats are the counters of a Broker. Any goroutine may read them.
type BrokerStats struct {
	Open      atomic.Int64 // connections open now
	Accepted  atomic.Int64
	Proxied   atomic.Int64 // connections that began with a PROXY header
	Connects  atomic.Int64 // CONNECTs answered
	Published atomic.Int64 // PUBLISH packets
	Malformed atomic.Int64 // connections closed because of invalid bytes
}

type brokerConn struct {
	framer     framer
	proxy      []byte     // an incomplete PROXY header
	rest       []byte     // bytes that the socket did not take
	ws         *webSocket // nil: MQTT over TCP
	fd         int
	headerRead bool // the PROXY header, if any, was read
	connected  bool // the CONNECT was answered
	v5         bool
}

// ListenBroker listens on every address. Each is host:port with a numeric host; port 0 is
// any free port. An address that begins with ws:// accepts WebSocket clients, with any
// path.
func ListenBroker(addresses ...string) (*Broker, error) {
	p, err := newPoll()
	if err != nil {
		return nil, err
	}
	b := &Broker{poll: p, in: make([]byte, readSize)}
	for _, s := range addresses {
		address, ws := strings.CutPrefix(s, "ws://")
		a, err := netip.ParseAddrPort(address)
		if err == nil {
			err = b.listen(a, ws)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen %q: %w", s, err), b.Close())
		}
	}
	return b, nil
}

// Addrs returns the addresses that the broker listens on, in their original order.
func (b *Broker) Addrs() []netip.AddrPort { return b.addrs }

// Stats returns the broker's counters.
func (b *Broker) Stats() *BrokerStats { return &b.stats }

// Close closes all connections and listeners. It must not be called while Serve runs.
func (b *Broker) Close() error {
	for _, c := range b.conns {
		if c != nil {
			b.drop(c)
		}
	}
	for _, l := range b.listeners {
		_ = unix.Close(l.fd)
	}
	b.listeners = nil
	if b.poll == nil {
		return nil
	}
	p := b.poll
	b.poll = nil
	return p.close()
}

// Serve serves clients until ctx is done, and then returns nil.
func (b *Broker) Serve(ctx context.Context) error {
	for ctx.Err() == nil {
		events, err := b.poll.wait(wakeInterval)
		if err != nil {
			return err
		}
		for _, ev := range events {
			fd := int(ev.Fd)
			if fd < len(b.conns) && b.conns[fd] != nil {
				b.serve(b.conns[fd], ev.Events)
				continue
			}
			if ev.Pad < 0 {
				if err := b.accept(b.listeners[-1-ev.Pad]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// accept accepts all waiting connections. A connection closed in the same batch of events
// leaves at most a stale event, and reading a new socket too early does no harm.
func (b *Broker) accept(l listener) error {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		default: // no more descriptors: the measurement would be wrong
			return fmt.Errorf("accept: %w%s", err, hint(err))
		}
		if fd >= len(b.conns) {
			b.conns = append(b.conns, make([]*brokerConn, fd+1024-len(b.conns))...)
		}
		c := &brokerConn{fd: fd}
		if l.ws {
			c.ws = &webSocket{}
		}
		b.conns[fd] = c
		b.stats.Open.Add(1)
		b.stats.Accepted.Add(1)
		if err := b.poll.add(fd, connEvents, int32(fd), 1); err != nil {
			return err
		}
	}
}

func (b *Broker) serve(c *brokerConn, events uint32) {
	if len(c.rest) > 0 {
		rest, err := write(c.fd, c.rest)
		if err != nil {
			b.drop(c)
			return
		}
		c.rest = append(c.rest[:0], rest...)
	}
	for {
		n, eof, err := read(c.fd, b.in)
		if eof || err != nil {
			b.drop(c)
			return
		}
		if n > 0 && !b.answer(c, b.in[:n]) {
			b.drop(c)
			return
		}
		// A short read means that the socket is empty, unless the peer has closed since.
		if n < len(b.in) && (n == 0 || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0) {
			return
		}
	}
}

// answer handles a chunk of a connection's bytes. It returns false if the connection must
// be closed.
func (b *Broker) answer(c *brokerConn, chunk []byte) bool {
	if !c.headerRead {
		if len(c.proxy) > 0 {
			chunk = append(c.proxy, chunk...)
		}
		n, ok := skipProxy(chunk)
		if !ok {
			c.proxy = append(c.proxy[:0], chunk...)
			return true
		}
		if n > 0 {
			b.stats.Proxied.Add(1)
		}
		c.headerRead, c.proxy, chunk = true, nil, chunk[n:]
	}
	out := b.out[:0]
	open := true
	var end error
	if c.ws != nil {
		chunk, end = b.unframe(c, chunk)
	}
	for len(chunk) > 0 && open {
		var p packet
		var err error
		p, chunk, err = c.framer.next(chunk, c.v5)
		if err != nil {
			b.stats.Malformed.Add(1)
			return false
		}
		if p.first != 0 {
			out, open = b.handlePacket(c, &p, out)
		}
	}
	b.out = out
	if end != nil {
		open, out = false, nil // no data may follow the answer to a Close
	}
	if c.ws != nil {
		out = b.frame(out)
	}
	if len(c.rest) > 0 {
		c.rest = append(c.rest, out...)
		return open
	}
	rest, err := write(c.fd, out)
	if len(rest) > 0 {
		c.rest = append(c.rest, rest...)
	}
	return open && err == nil
}

func (b *Broker) drop(c *brokerConn) {
	b.conns[c.fd] = nil
	b.stats.Open.Add(-1)
	reset(c.fd)
}
