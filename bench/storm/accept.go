//go:build linux

package storm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// backlog is the accept queue of EMQX's listeners.
const backlog = 1024

// acceptBurst is how much time an acceptor may catch up on, so that a busy machine does not
// lower its rate. EMQX's may burst for a whole second.
const acceptBurst = 250 * time.Millisecond

// listen listens with EMQX's backlog.
func listen(ctx context.Context, a netip.AddrPort) (*net.TCPListener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.String())
	if err != nil {
		return nil, err
	}
	tcp := l.(*net.TCPListener)
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), backlog) }) // a second listen changes the backlog
	if err := errors.Join(err, listenErr); err != nil {
		l.Close()
		return nil, fmt.Errorf("backlog of %v: %w", a, err)
	}
	return tcp, nil
}

// accept accepts connections at the node's rate until the listener is closed. Those above
// the rate wait in the kernel's queue, as with EMQX's max_conn_rate.
func (n *node) accept(l *net.TCPListener) {
	defer n.wg.Done()
	next := time.Now()
	for {
		conn, err := l.AcceptTCP()
		if err != nil {
			return
		}
		rate, ok := n.admit(l, conn)
		if ok {
			n.wg.Add(1)
			go n.serve(conn) // ends with conn, which kill closes
		} else {
			conn.Close()
		}
		if rate == 0 {
			next = time.Now()
			continue
		}
		if early := time.Now().Add(-acceptBurst); next.Before(early) {
			next = early
		}
		next = next.Add(time.Duration(float64(time.Second) / rate))
		<-time.After(time.Until(next))
	}
}

// admit takes a connection in, unless the node is full or dead, and returns the rate.
func (n *node) admit(l *net.TCPListener, conn net.Conn) (rate float64, ok bool) {
	n.arrivals.accepted.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.listener != l: // killed meanwhile
		return n.rate, false
	case n.limit > 0 && len(n.open) >= n.limit:
		n.refused[refusedFull]++
		return n.rate, false
	}
	n.open[conn] = struct{}{}
	return n.rate, true
}
