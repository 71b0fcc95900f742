//go:build linux

package storm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/mqttparse"
)

// client is an MQTT client that reconnects, as the usual libraries do.
type client struct {
	number  uint32
	id      string
	version mqttparse.Version
	clean   bool

	publish time.Duration // between two messages; 0: none
	sent    uint32        // number of the last message
	acked   uint32        // of them have a PUBACK: all up to this number
}

// The back-off of the clients: the delay after a failure or a loss doubles from the first
// value to the last. A client waits for between a half and the whole of it.
const (
	firstDelay = time.Second
	lastDelay  = 10 * time.Second
)

// idFormat has the number of a client in its identifier.
const idFormat = "storm-%06d"

// numberOf returns the number of the client with that identifier.
func numberOf(id []byte) (number uint32) {
	_, _ = fmt.Sscanf(string(id), idFormat, &number) // nodes get no others
	return number
}

// newClient returns the client of a number. Every second client speaks MQTT 5, and every
// fourth of each version is persistent.
func newClient(number int, publish time.Duration) *client {
	c := &client{number: uint32(number), id: fmt.Sprintf(idFormat, number), version: mqttparse.V311, clean: number%8 >= 2, publish: publish}
	if number%2 == 1 {
		c.version = mqttparse.V5
	}
	return c
}

// failure is why an attempt to connect failed.
type failure int

const (
	failedRefused  failure = iota // TCP, or a CONNACK with a reason
	failedTimedOut                // no CONNACK within the client's patience
	failedReset                   // closed or reset before a CONNACK
	failureKinds
)

// errRefused is the error of a CONNACK with a reason code other than success.
var errRefused = errors.New("CONNACK with an error")

func failureOf(err error) failure {
	switch {
	case errors.Is(err, errRefused), errors.Is(err, unix.ECONNREFUSED):
		return failedRefused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return failedTimedOut
	}
	return failedReset
}

// run connects again and again until ctx ends, and records what happens.
func (c *client) run(ctx context.Context, target netip.AddrPort, patience time.Duration, r *record) {
	for delay := firstDelay; ; {
		r.attempt(c.number)
		p, err := c.connect(ctx, target, patience)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.failed(failureOf(err))
		default:
			r.entered(c.number)
			c.stay(ctx, p)
			if ctx.Err() == nil {
				r.left(c.number)
			}
			delay = firstDelay
		}
		if p != nil {
			abandon(p.conn)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay/2 + rand.N(delay/2)):
			delay = min(2*delay, lastDelay)
		}
	}
}

// connect opens a connection and waits for its CONNACK. It may return packets with an error.
func (c *client) connect(ctx context.Context, target netip.AddrPort, patience time.Duration) (*packets, error) {
	deadline := time.Now().Add(patience)
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", target.String())
	if err != nil {
		return nil, err
	}
	p := &packets{conn: conn}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(appendConnect(nil, c.version, c.id, c.clean)); err != nil {
		return p, err
	}
	packet, body, err := p.next()
	if err != nil {
		return p, err
	}
	if packet[0] != firstConnack || len(body) < 2 {
		return p, errPacket
	}
	if body[1] != 0 {
		return p, errRefused
	}
	_ = conn.SetDeadline(time.Time{})
	return p, nil
}

// stay holds the connection until it ends, and publishes.
func (c *client) stay(ctx context.Context, p *packets) {
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	again := c.sent > c.acked // the last connection ended before the PUBACK
	for {
		if c.publish > 0 && c.sent == c.acked {
			_ = p.conn.SetReadDeadline(time.Now().Add(c.publish/2 + rand.N(c.publish)))
		}
		if again {
			if err := c.send(p.conn, again); err != nil {
				return
			}
			again = false
		}
		packet, _, err := p.next()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.sent++
			_ = p.conn.SetReadDeadline(time.Time{})
			if err := c.send(p.conn, false); err != nil {
				return
			}
		case err != nil, packet[0] == firstDisconnect:
			return
		case packet[0] == firstPuback:
			c.acked = c.sent
		}
	}
}

func (c *client) send(conn net.Conn, dup bool) error {
	_, err := conn.Write(appendPublish(nil, c.version, message{c.number, c.sent}, dup))
	return err
}

// abandon closes a connection with a RST, so that no TIME_WAIT takes a local port.
func abandon(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}
