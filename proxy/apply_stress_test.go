package proxy

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// connect opens a session from any goroutine.
func (m mode) connect(to net.Addr, id string) (_ net.Conn, err error) {
	c, err := net.Dial(to.Network(), to.String())
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = c.Close()
		}
	}()
	_ = c.SetDeadline(time.Now().Add(3 * patience))
	if m.tls {
		c = tls.Client(c, clientTLS(nil))
	}
	if m.clientWS() {
		ws, err := upgraded(c)
		if err != nil {
			return nil, err
		}
		_ = ws.SetDeadline(time.Now().Add(3 * patience))
		c = ws
	}
	if _, err := c.Write(connectAs(id)); err != nil {
		return nil, err
	}
	got := make([]byte, len(connack311))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, connack311) {
		return nil, fmt.Errorf("CONNACK % x: %w", got, err)
	}
	return c, nil
}

// echoes sends n bytes, in a pattern that shows lost ones, and checks that they come back.
func echoes(c net.Conn, seed, n int) error {
	sent, got := make([]byte, n), make([]byte, n)
	for i := range sent {
		sent[i] = byte(seed + i*7 + i>>8)
	}
	if _, err := c.Write(sent); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("other bytes came back")
	}
	return nil
}

// churn returns the i-th of many changes, none of which ends a session.
func (r *rig) churn(i int, a, b, address, path string) []setting {
	nodes := [][]string{{a}, {"", b}, {a, b}, {b, a}}[i%4]
	return []setting{
		onlyFirst,
		renamed([]string{"mqtt", "other"}[i%2]),
		r.on(nodes...),
		r.pool(func(p *balancer.PoolSpec) {
			p.Algorithm = []balancer.Algorithm{balancer.LeastConnections, balancer.RoundRobin, balancer.RandomTwo}[i%3]
			p.Nodes[0].Weight, p.Nodes[0].MaxConnections = 1+i, 1000*(i%2)
		}),
		func(s *snapshot.Snapshot) {
			ln := s.Listeners[0]
			s.MaxConnections, ln.MaxConnections = 4000+i, 3000*(i%2)
			s.MaxConnectionsPerAddress, s.ConnectRate = 3000*(i%3), 100000*(i%2)
			s.OpeningMemory = int64(i%2) << 30
			s.MaxHeaderSize = 16<<10 + i%3
			s.Timeouts.ConnectPacket = patience + time.Duration(i%5)*time.Second
			ln.Pool.SendProxy = i % 3
			if before := ln.TLS; before != nil {
				ln.TLS = testTLS()
				ln.TLS.Gate = before.Gate // as the program keeps it, with its counts
			}
		},
		func(s *snapshot.Snapshot) {
			if i%2 == 0 {
				another("second", "tcp", address)(s)
				another("third", "unix", path)(s)
			}
		},
	}
}

// No change refuses or resets a connection, loses a byte or ends a session.
func TestNobodyNoticesManyChanges(t *testing.T) {
	const applies = 50
	for _, row := range []struct {
		mode     mode
		sessions int
	}{{mqttToMQTT, 100}, {httpToWS, 40}, {wssToWSS, 20}} {
		t.Run(row.mode.name, func(t *testing.T) {
			m := row.mode
			a, b := m.startNode(t, nil).address(), m.startNode(t, nil).address()
			r := prepare(t, []string{a}, onFreeAddress(t), m.set, headers(16<<10))
			r.srv.waits.portRelease = 200 * time.Millisecond
			r.run()
			to, second, path := r.srv.Addr("mqtt"), proxytest.FreeAddr(t, "127.0.0.1"), filepath.Join(t.TempDir(), "third.sock")
			over := make(chan struct{})
			var clients sync.WaitGroup
			for i := range row.sessions {
				c, err := m.connect(to, fmt.Sprint(i))
				if err != nil {
					t.Fatal(err)
				}
				clients.Go(func() { // ends with the changes
					defer c.Close()
					for n := 1; ; n = n*5%3001 + 1 {
						if err := echoes(c, i+n, n); err != nil {
							t.Errorf("session %d: %v", i, err)
							return
						}
						select {
						case <-over:
							return
						case <-time.After(50 * time.Millisecond): // spares the machine
						}
					}
				})
			}
			var came atomic.Int64
			clients.Go(func() { // ends with the changes
				for ; ; came.Add(1) {
					c, err := m.connect(to, "new")
					if err == nil {
						err = echoes(c, int(came.Load()), 100)
						_ = c.Close()
					}
					if err != nil {
						t.Errorf("new client %d: %v", came.Load(), err)
						came.Add(applies) // it is waited for
						return
					}
					select {
					case <-over:
						return
					default:
					}
				}
			})
			for i := range applies {
				eventually(t, "new clients between the changes", func() bool { return came.Load() >= int64(i) })
				r.apply(r.churn(i, a, b, second, path)...)
				if i%2 == 0 {
					for _, other := range []string{"second", "third"} {
						c, err := m.connect(r.srv.Addr(other), other)
						if err == nil {
							err = echoes(c, i, 100)
							_ = c.Close()
						}
						if err != nil {
							t.Errorf("%s after change %d: %v", other, i, err)
						}
					}
				}
			}
			close(over)
			clients.Wait()
			eventually(t, "the end of the sessions", func() bool { return r.srv.open() == 0 })
			r.apply(onlyFirst)
			for _, l := range r.srv.Stats().Listeners {
				if len(r.srv.Stats().Listeners) != 1 || l.Open != 0 {
					t.Errorf("%s is counted: %d open", l.Name, l.Open)
				}
			}
		})
	}
}
