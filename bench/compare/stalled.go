//go:build linux

package compare

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// goodHandshakes are made one after the other; their median is the result.
const goodHandshakes = 41

// stalls are the ways in which clients stall in the middle of a handshake.
var stalls = []stall{
	{clients: 9000, addresses: 1, says: 1},
	{clients: 9000, addresses: 1000, says: 1},
	{clients: 1000, addresses: 1, answered: true},
	{clients: 1000, addresses: 1000, answered: true},
}

type stall struct {
	clients   int
	addresses int  // number of client addresses
	says      int  // bytes of the ClientHello to send; 0: all
	answered  bool // wait for the ServerHello
}

// address returns the address of client i.
func (s stall) address(i int) netip.Addr {
	i %= s.addresses
	return netip.AddrFrom4([4]byte{127, 1, byte(1 + i/200), byte(1 + i%200)})
}

// stalledHandshakes measures the time of a good client's TLS handshake, first alone and then beside clients that
// stall, as a multiple of the first. Each turn starts the candidate anew.
func stalledHandshakes(ctx context.Context, b *bench, m measure) ([]Measure, error) {
	var all []*running
	for _, c := range b.candidatesFor(m.work) {
		if c.path != "" { // direct has no TLS
			all = append(all, &running{candidate: c})
		}
	}
	return b.inTurns(m, min(b.opt.Pairs, memoryPairs), all, func(r *running) ([]sample, error) {
		fresh, err := b.launch(ctx, r.candidate, m.work)
		if err != nil {
			return nil, err
		}
		defer fresh.stop()
		alone, err := goodHandshake(ctx, fresh)
		if err != nil {
			return nil, err
		}
		samples := []sample{{value: alone}}
		for _, s := range stalls {
			beside, err := s.beside(ctx, fresh)
			if err != nil {
				return nil, err
			}
			samples = append(samples, sample{value: beside / alone})
		}
		return samples, nil
	})
}

// beside returns the time of a good client's handshake, in µs, while others stall.
func (s stall) beside(ctx context.Context, r *running) (float64, error) {
	hello, err := helloOf(r.tls)
	if err != nil {
		return 0, err
	}
	if s.says > 0 {
		hello = hello[:s.says]
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	for i := range s.clients {
		c, err := dialTarget(ctx, r, s.address(i))
		if err != nil {
			return 0, err
		}
		conns = append(conns, c)
		if _, err := c.Write(hello); err != nil {
			return 0, err
		}
	}
	for _, c := range conns {
		if !s.answered {
			break
		}
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			return 0, fmt.Errorf("the answer to a hello: %w", err)
		}
	}
	return goodHandshake(ctx, r)
}

// goodHandshake returns the median time of a handshake, in µs, from the connect.
func goodHandshake(ctx context.Context, r *running) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, stormTimeout)
	defer cancel()
	var took []float64
	for range goodHandshakes {
		began := time.Now()
		c, err := dialTarget(ctx, r, netip.IPv4Unspecified())
		if err != nil {
			return 0, err
		}
		err = tls.Client(c, r.tls).HandshakeContext(ctx)
		took = append(took, float64(time.Since(began).Nanoseconds())/1e3)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		if err != nil {
			return 0, fmt.Errorf("a good client's handshake: %w", err)
		}
	}
	return median(took), nil
}

func dialTarget(ctx context.Context, r *running, from netip.Addr) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return d.DialContext(ctx, "tcp", r.targets[0].String())
}

// helloOf returns the ClientHello of a client.
func helloOf(config *tls.Config) ([]byte, error) {
	here, there := net.Pipe()
	defer there.Close()
	go func() { // ends when the pipe is closed
		_ = tls.Client(here, config).Handshake()
	}()
	b := make([]byte, 16<<10)
	n, err := there.Read(b)
	return b[:n], err
}
