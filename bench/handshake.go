//go:build linux

package bench

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// handshakes are the TLS handshakes that run beside the loop. crypto/tls cannot suspend a
// handshake as it can a Read. So each has a goroutine, which owns the connection until
// the handshake is over.
type handshakes struct {
	wakeFD  int // eventfd: over is not empty
	running sync.WaitGroup
	configs []*tls.Config // by target

	mu   sync.Mutex // guards over
	over []handshakeResult
}

// handshakeResult is a handshake that has ended.
type handshakeResult struct {
	slot int32
	err  error
}

// wakeSlot is the slot of the wake-up in the events of a poll.
const wakeSlot = -1

func newHandshakes(p *poll, o *Options, hosts []string) (*handshakes, error) {
	h := &handshakes{}
	for _, host := range hosts {
		config := o.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName = hostname(host)
		}
		h.configs = append(h.configs, config)
	}
	var err error
	if h.wakeFD, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err := p.add(h.wakeFD, unix.EPOLLIN, wakeSlot, 0); err != nil {
		_ = unix.Close(h.wakeFD)
		return nil, err
	}
	return h, nil
}

// startTLS begins the TLS handshake of c.
func (f *Fleet) startTLS(c *client) {
	c.state = securing
	c.tls = &clientTLS{wire: memConn{fd: c.fd, ready: make(chan struct{}, 1)}}
	c.tls.conn = tls.Client(&c.tls.wire, f.handshakes.configs[c.target])
	f.handshakes.running.Add(1)
	// Ends with its handshake, or when the channel of its memConn is closed.
	go f.handshakes.run(c.tls, c.slot)
}

func (h *handshakes) run(s *clientTLS, slot int32) {
	defer h.running.Done()
	//nolint:noctx // it ends with the descriptor, or with the channel of its memConn
	err := s.conn.Handshake()
	h.mu.Lock()
	h.over = append(h.over, handshakeResult{slot, err})
	first := len(h.over) == 1
	h.mu.Unlock()
	if first {
		// It cannot fail: the counter is far from full, and the descriptor is open until
		// all handshakes have ended.
		_, _ = unix.Write(h.wakeFD, binary.NativeEndian.AppendUint64(nil, 1))
	}
}

// takeOver continues with the connections whose handshake is over. After this call only
// the loop uses them.
func (f *Fleet) takeOver() {
	var count [8]byte
	_, _ = unix.Read(f.handshakes.wakeFD, count[:])
	f.handshakes.mu.Lock()
	over := f.handshakes.over
	f.handshakes.over = nil
	f.handshakes.mu.Unlock()
	for _, h := range over {
		c := &f.clients[h.slot]
		if h.err != nil {
			f.fail(c, fmt.Errorf("TLS handshake: %w", h.err))
			continue
		}
		if c.tls.conn.ConnectionState().DidResume {
			f.stats.Resumed++
		}
		c.tls.wire.ready, c.tls.wire.out = nil, &f.sealed
		f.startLayers(c)
		if c.fd >= 0 {
			// The edge of bytes that arrived during the handshake has passed.
			f.readAll(c, unix.EPOLLIN|unix.EPOLLRDHUP)
		}
	}
}

// abandon ends the running handshakes and waits for them.
func (f *Fleet) abandon() {
	for i := range f.clients {
		if c := &f.clients[i]; c.fd >= 0 && c.state == securing && c.tls.wire.out == nil && c.tls.wire.ready != nil {
			close(c.tls.wire.ready)
		}
	}
	f.handshakes.running.Wait()
	_ = unix.Close(f.handshakes.wakeFD)
	f.handshakes = nil
}

// hostname returns the host of a host:port.
func hostname(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}
