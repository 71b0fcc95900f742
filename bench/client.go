//go:build linux

package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

type state uint8

const (
	connecting state = iota // connect(2) is under way
	greeting                // the CONNECT is sent
	connected               // the CONNACK has come
)

type client struct {
	framer     framer
	rest       []byte // what the socket did not take
	pub        publisher
	began      int64 // when connect(2) was called
	fd         int   // negative: none
	slot       int32
	generation int32 // of the connections of this slot
	number     int
	state      state
}

var (
	errClosed  = errors.New("closed by the server")
	errGreeted = errors.New("first packet is not a CONNACK")
)

// refusal is the code of a CONNACK that does not accept.
type refusal byte

func (r refusal) Error() string { return fmt.Sprintf("CONNACK with code 0x%02x", byte(r)) }

// dial begins a connection; how it ends comes as an event.
func (f *Fleet) dial(c *client, now int64) {
	n := f.opened
	f.opened++
	c.number = f.opt.First + n
	if f.opt.Churn {
		c.number = f.opt.First + n%churnNumbers
	}
	c.framer, c.rest, c.pub = framer{}, nil, publisher{}
	c.state = connecting
	c.began = now
	c.generation++
	f.opening++
	target := f.opt.Targets[n%len(f.opt.Targets)]
	domain, sa := family(target)
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		f.fail(c, fmt.Errorf("socket: %w%s", err, hint(err)))
		return
	}
	c.fd = fd
	f.stats.Open++
	if err := f.connect(c, n, sa); err != nil {
		f.fail(c, err)
	}
}

func (f *Fleet) connect(c *client, n int, target unix.Sockaddr) error {
	if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	if len(f.opt.Sources) > 0 {
		// The port is chosen at connect, when both ends of the pair are known.
		if err := unix.SetsockoptInt(c.fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		_, sa := family(netip.AddrPortFrom(f.opt.Sources[n%len(f.opt.Sources)], 0))
		if err := unix.Bind(c.fd, sa); err != nil {
			return fmt.Errorf("bind: %w%s", err, hint(err))
		}
	}
	if err := unix.Connect(c.fd, target); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w%s", err, hint(err))
	}
	return f.poll.add(c.fd, connEvents, c.slot, c.generation)
}

// handle does what the events of one connection ask for.
func (f *Fleet) handle(c *client, events uint32) {
	if c.state == connecting {
		code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			f.fail(c, fmt.Errorf("connect: %w%s", err, hint(err)))
			return
		}
		c.state = greeting
		f.out = f.appendConnect(f.out[:0], c)
		f.flush(c)
		if events&unix.EPOLLIN == 0 || c.fd < 0 {
			return
		}
		// A server that speaks first has: the edge does not come again.
	}
	if len(c.rest) > 0 && events&unix.EPOLLOUT != 0 {
		rest, err := write(c.fd, c.rest)
		if err != nil {
			f.fail(c, fmt.Errorf("write: %w", err))
			return
		}
		c.rest = append(c.rest[:0], rest...)
	}
	generation := c.generation
	for {
		n, eof, err := read(c.fd, f.in)
		switch {
		case err != nil:
			f.fail(c, fmt.Errorf("read: %w", err))
			return
		case eof:
			f.fail(c, errClosed)
			return
		}
		if err := f.receive(c, f.in[:n]); err != nil {
			f.fail(c, err)
			return
		}
		if c.fd < 0 || c.generation != generation {
			return // done with: a churning client that got its CONNACK
		}
		// A short read has emptied the socket, unless the end has arrived since.
		if n < len(f.in) && (n == 0 || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0) {
			return
		}
	}
}

// receive handles a chunk and sends all that follows from it in one write.
func (f *Fleet) receive(c *client, chunk []byte) error {
	now := f.now()
	f.out = f.out[:0]
	for len(chunk) > 0 {
		var p packet
		var err error
		if p, chunk, err = c.framer.next(chunk, f.opt.Version == 5); err != nil {
			return err
		}
		if p.first == 0 {
			break
		}
		if err := f.packet(c, &p, now); err != nil {
			return err
		}
		if c.fd < 0 {
			return nil
		}
	}
	f.pump(c, now)
	f.flush(c)
	return nil
}

func (f *Fleet) packet(c *client, p *packet, now int64) error {
	if c.state == greeting {
		return f.connack(c, p, now)
	}
	switch p.first {
	case typePuback, typePubcomp:
		f.acknowledged(c, p.id, now)
	case typePubrec:
		f.out = appendAck(f.out, typePubrel, p.id)
	case typePubrel:
		f.out = appendAck(f.out, typePubcomp, p.id)
	case typeSuback:
		f.stats.Granted++
	case typeDisconnect:
		if len(p.body) > 0 {
			return fmt.Errorf("DISCONNECT with reason code 0x%02x", p.body[0])
		}
		return errClosed
	}
	if p.first&0xf0 == typePublish {
		f.stats.Received++
		if f.sub != nil && f.sub.Stamp && len(p.payload) == stampSize {
			due := int64(binary.BigEndian.Uint64(p.payload))
			record(f.stats.Delivery, time.Now().UnixNano()-due)
		}
		switch p.qos() {
		case 1:
			f.out = appendAck(f.out, typePuback, p.id)
		case 2:
			f.out = appendAck(f.out, typePubrec, p.id)
		}
	}
	return nil
}

func (f *Fleet) connack(c *client, p *packet, now int64) error {
	if p.first != typeConnack || len(p.body) < 2 {
		return errGreeted
	}
	if code := p.body[1]; code != 0 {
		return refusal(code)
	}
	f.opening--
	f.stats.Connects++
	record(f.stats.Connect, now-c.began)
	if f.opt.Churn {
		f.drop(c)
		f.unused = append(f.unused, c.slot)
		return nil
	}
	c.state = connected
	f.stats.Connected++
	if f.pingGap > 0 {
		f.pings.push(timed{f.pingAfter(now), c.slot, c.generation})
	}
	if f.sub != nil {
		f.out = appendSubscribe(f.out, f.opt.Version, subscribeID, f.expand(f.sub.Filter, c), f.sub.QoS)
	}
	if f.pub != nil {
		f.startPublishing(c, now+int64(f.pub.Interval))
	}
	return nil
}

// subscribeID is not used by a publisher, whose identifiers end before it.
const subscribeID = 65535

// flush sends f.out, in order after what c has not been able to send.
func (f *Fleet) flush(c *client) {
	if len(f.out) == 0 {
		return
	}
	if len(c.rest) > 0 {
		c.rest = append(c.rest, f.out...)
		return
	}
	rest, err := write(c.fd, f.out)
	if err != nil {
		f.fail(c, fmt.Errorf("write: %w", err))
		return
	}
	if len(rest) > 0 {
		c.rest = append(c.rest, rest...)
	}
}

// fail ends a connection and counts why. A churning fleet tries again.
func (f *Fleet) fail(c *client, cause error) {
	var refused refusal
	switch {
	case c.state == connected:
		f.stats.Lost++
		f.stats.Connected--
	case errors.As(cause, &refused):
		f.stats.Refused++
		f.opening--
	default:
		f.stats.Failed++
		f.opening--
	}
	f.stats.Causes[cause.Error()]++
	f.drop(c)
	if f.opt.Churn {
		f.unused = append(f.unused, c.slot)
		f.openAt = max(f.openAt, f.now()+int64(failurePause))
	}
}

// failurePause keeps a churning fleet from spinning when no connection can succeed.
const failurePause = 10 * time.Millisecond

// drop closes the socket of c, if there is one, without counting.
func (f *Fleet) drop(c *client) {
	if c.fd < 0 {
		return
	}
	reset(c.fd)
	c.fd = -1
	f.stats.Open--
	f.inflight -= c.pub.inflight()
	c.pub = publisher{}
	c.rest = nil
}
