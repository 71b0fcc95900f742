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
	bell    int // eventfd: over is not empty
	running sync.WaitGroup
	configs []*tls.Config // by target

	mu   sync.Mutex // guards over
	over []handshaken
}

// handshaken is a handshake that has ended.
type handshaken struct {
	slot int32
	err  error
}

// bellSlot is the slot of the bell in the events of a poll.
const bellSlot = -1

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
	if h.bell, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err := p.add(h.bell, unix.EPOLLIN, bellSlot, 0); err != nil {
		_ = unix.Close(h.bell)
		return nil, err
	}
	return h, nil
}

// secure begins the TLS handshake of c.
func (f *Fleet) secure(c *client) {
	c.state = securing
	c.tls = &secure{duct: duct{fd: c.fd, ready: make(chan struct{}, 1)}}
	c.tls.conn = tls.Client(&c.tls.duct, f.handshakes.configs[c.target])
	f.handshakes.running.Add(1)
	// Ends with its handshake, or when the channel of its duct is closed.
	go f.handshakes.run(c.tls, c.slot)
}

func (h *handshakes) run(s *secure, slot int32) {
	defer h.running.Done()
	//nolint:noctx // it ends with the descriptor, or with the channel of its duct
	err := s.conn.Handshake()
	h.mu.Lock()
	h.over = append(h.over, handshaken{slot, err})
	first := len(h.over) == 1
	h.mu.Unlock()
	if first {
		// It cannot fail: the counter is far from full, and the descriptor is open until
		// all handshakes have ended.
		_, _ = unix.Write(h.bell, binary.NativeEndian.AppendUint64(nil, 1))
	}
}

// takeOver continues with the connections whose handshake is over. After this call only
// the loop uses them.
func (f *Fleet) takeOver() {
	var count [8]byte
	_, _ = unix.Read(f.handshakes.bell, count[:])
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
		c.tls.duct.ready, c.tls.duct.out = nil, &f.sealed
		f.introduce(c)
		if c.fd >= 0 {
			// The edge of bytes that arrived during the handshake has passed.
			f.readAll(c, unix.EPOLLIN|unix.EPOLLRDHUP)
		}
	}
}

// abandon ends the running handshakes and waits for them.
func (f *Fleet) abandon() {
	for i := range f.clients {
		if c := &f.clients[i]; c.fd >= 0 && c.state == securing && c.tls.duct.out == nil && c.tls.duct.ready != nil {
			close(c.tls.duct.ready)
		}
	}
	f.handshakes.running.Wait()
	_ = unix.Close(f.handshakes.bell)
	f.handshakes = nil
}

// hostname returns the host of a host:port.
func hostname(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		return host
	}
	return s
}
