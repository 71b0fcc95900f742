//go:build linux

package storm

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"mqttlb/bench/compare"
)

// stage is one scenario behind one balancer.
type stage struct {
	opt      Options
	scenario scenario
	clients  []*client
	nodes    []*node
	target   netip.AddrPort // the balancer
	balancer *compare.Program
	ledger   *ledger
	record   *record
	cpu      time.Duration // of the balancer when the storm began

	stopClients context.CancelFunc
	wg          sync.WaitGroup // of the clients
}

// newStage starts the nodes of a scenario.
func newStage(ctx context.Context, o Options, sc scenario) (*stage, error) {
	s := &stage{opt: o, scenario: sc, ledger: newLedger(), stopClients: func() {}}
	clients := max(int(float64(o.Clients)*sc.share), 1)
	s.record = newRecord(clients)
	publish := time.Duration(0)
	if sc.publish {
		publish = publishEvery
	}
	for i := range clients {
		s.clients = append(s.clients, newClient(i, publish))
	}
	addresses, err := freeAddresses(ctx, sc.nodes)
	if err != nil {
		return nil, err
	}
	s.target = addresses[0].balancer
	for i, a := range addresses {
		n := newNode(fmt.Sprintf("node-%d", i+1), a.node, a.management, s.ledger)
		n.sentAway = s.record.sentAway
		if err := n.start(ctx); err != nil {
			s.stop()
			return nil, err
		}
		s.nodes = append(s.nodes, n)
	}
	return s, nil
}

// publishEvery is the mean time between two messages of a client that publishes.
const publishEvery = 5 * time.Second

// connect starts clients, at that pace a second, or all at once if it is 0. It does not wait
// for them. They end with ctx.
func (s *stage) connect(ctx context.Context, clients []*client, pace float64) {
	for i, c := range clients {
		delay := time.Duration(0)
		if pace > 0 {
			delay = time.Duration(float64(i) / pace * float64(time.Second))
		}
		s.wg.Add(1)
		go func() { // ends with ctx
			defer s.wg.Done()
			if wait(ctx, delay) == nil {
				c.run(ctx, s.target, s.opt.Patience, s.record)
			}
		}()
	}
}

// settle lets clients in before the storm, at half of the rate of the nodes.
func (s *stage) settle(ctx context.Context, clients []*client) error {
	pace := s.opt.Rate * float64(len(s.nodes)) / 2
	s.connect(ctx, clients, pace)
	limit := s.opt.Patience + time.Duration(float64(len(clients))/pace*float64(time.Second))
	in, err := s.await(ctx, len(clients), limit, s.opt.lengths.still)
	if err != nil {
		return err
	}
	if in < len(clients) {
		return fmt.Errorf("only %d of %d clients are in before the storm", in, len(clients))
	}
	return s.begin()
}

// begin starts the clock of the storm.
func (s *stage) begin() (err error) {
	for _, n := range s.nodes {
		n.arrivals.reset()
	}
	s.record.begin()
	s.cpu, err = s.balancer.CPU()
	return err
}

// awaitAll waits until all clients are in and nothing has changed for the time still, but
// no longer than limit.
func (s *stage) awaitAll(ctx context.Context, limit, still time.Duration) error {
	_, err := s.await(ctx, len(s.clients), limit, still)
	return err
}

// await waits for a number of clients and returns how many are in.
func (s *stage) await(ctx context.Context, clients int, limit, still time.Duration) (in int, err error) {
	end := time.Now().Add(limit)
	for {
		in, quiet := s.record.present()
		if in == clients && quiet >= still || time.Now().After(end) {
			return in, nil
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return in, err
		}
	}
}

// stop ends clients, balancer and nodes.
func (s *stage) stop() {
	s.stopClients()
	s.wg.Wait()
	if s.balancer != nil {
		s.balancer.Stop()
	}
	for _, n := range s.nodes {
		n.stop()
	}
}

// wait waits for d, or returns the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// addresses are those of a node. The management ports of all nodes are the same, as those of
// a cluster are, so that each node has an address of its own.
type addresses struct{ node, management, balancer netip.AddrPort }

// freeAddresses finds ports that are free on the addresses of all nodes: 127.0.1.1 and so on.
func freeAddresses(ctx context.Context, nodes int) ([]addresses, error) {
	first, last := compare.Ports()
	for port := first; port+2 < last; port += 3 {
		all := make([]addresses, nodes)
		free := true
		for i := range all {
			ip := netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)})
			all[i] = addresses{
				netip.AddrPortFrom(ip, uint16(port)), netip.AddrPortFrom(ip, uint16(port+1)),
				netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port+2)),
			}
			for _, a := range []netip.AddrPort{all[i].node, all[i].management, all[i].balancer} {
				free = free && isFree(ctx, a)
			}
		}
		if free {
			return all, nil
		}
	}
	return nil, fmt.Errorf("no free ports on 127.0.1.1 and 127.0.0.1 from %d to %d", first, last)
}

func isFree(ctx context.Context, a netip.AddrPort) bool {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.String())
	if err != nil {
		return false
	}
	return l.Close() == nil
}
