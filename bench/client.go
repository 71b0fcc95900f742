//go:build linux

package bench

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

type state uint8

const (
	connecting      state = iota // connect(2) is running
	securing                     // the TLS handshake is running, in a goroutine that owns the connection
	upgrading                    // the request for a WebSocket was sent
	awaitingConnack              // the CONNECT was sent
	connected                    // the CONNACK has arrived
)

type client struct {
	framer     framer
	rest       []byte // bytes that the socket did not take
	pub        publisher
	tls        *clientTLS // nil: no TLS
	ws         *webSocket // nil: no WebSocket
	began      int64      // time of connect(2)
	fd         int        // negative: none
	slot       int32
	generation int32 // counts the connections of this slot
	number     int
	target     int32 // index into Options.Targets
	state      state
}

var (
	errClosed  = errors.New("closed by the server")
	errGreeted = errors.New("first packet is not a CONNACK")
)

// refusal is the code of a CONNACK that refuses.
type refusal byte

func (r refusal) Error() string { return fmt.Sprintf("CONNACK with code 0x%02x", byte(r)) }

// dial begins a connection; its result arrives as an event.
func (f *Fleet) dial(c *client, now int64) {
	n := f.opened
	f.opened++
	c.number = f.opt.First + n
	if f.opt.Churn {
		c.number = f.opt.First + n%churnNumbers
	}
	c.framer, c.rest, c.pub, c.tls, c.ws = framer{}, nil, publisher{}, nil, nil
	c.state = connecting
	c.began = now
	c.generation++
	f.opening++
	c.target = int32(n % len(f.opt.Targets))
	domain, sa := family(f.opt.Targets[c.target])
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
		// The kernel chooses the port at connect, when it knows both addresses.
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

// startLayers begins the first layer of c's connection: TLS, else the WebSocket, else the
// CONNECT.
func (f *Fleet) startLayers(c *client) {
	switch {
	case f.handshakes != nil && c.tls == nil:
		f.startTLS(c)
	case f.opt.WebSocket && c.ws == nil:
		f.upgrade(c)
	default:
		f.out = f.out[:0]
		f.appendFirstConnect(c)
		f.flush(c)
	}
}

// appendFirstConnect appends the CONNECT to f.out.
func (f *Fleet) appendFirstConnect(c *client) {
	c.state = awaitingConnack
	f.out = f.appendConnect(f.out, c)
}

// handle handles the events of one connection.
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
		f.startLayers(c)
		if events&unix.EPOLLIN == 0 || c.fd < 0 {
			return
		}
		// The server may have sent first: its edge does not come again.
	}
	if c.state == securing {
		c.tls.wire.wake()
		return
	}
	if len(c.rest) > 0 && events&unix.EPOLLOUT != 0 {
		rest, err := write(c.fd, c.rest)
		if err != nil {
			f.fail(c, fmt.Errorf("write: %w", err))
			return
		}
		c.rest = append(c.rest[:0], rest...)
	}
	f.readAll(c, events)
}

// readAll reads and handles everything that has arrived.
func (f *Fleet) readAll(c *client, events uint32) {
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
			return // a churning client that got its CONNACK is finished
		}
		// A short read means that the socket is empty, unless the peer has closed since.
		if n < len(f.in) && (n == 0 || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0) {
			return
		}
	}
}

// fail ends a connection and counts the cause. A churning fleet then opens another.
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

// failurePause prevents a churning fleet from spinning when every connection fails.
const failurePause = 10 * time.Millisecond

// drop closes the socket of c, if any, without counting.
func (f *Fleet) drop(c *client) {
	if c.fd < 0 {
		return
	}
	reset(c.fd)
	c.fd = -1
	f.stats.Open--
	f.inflight -= c.pub.inflight()
	c.pub = publisher{}
	c.rest, c.tls, c.ws = nil, nil, nil
	f.frames, f.sealed = f.frames[:0], f.sealed[:0] // they were for c alone
}
