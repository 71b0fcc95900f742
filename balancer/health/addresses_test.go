package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// acceptsConnects answers the CONNECT of a probe.
func acceptsConnects(t *testing.T) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		readConnect(t, conn)
		_, _ = conn.Write([]byte{0x20, 2, 0, 0})
		_, _ = io.Copy(io.Discard, conn)
	}
}

func setAddrs(n *balancer.Node, addrs ...string) {
	var all []netip.AddrPort
	for _, a := range addrs {
		all = append(all, netip.MustParseAddrPort(a))
	}
	n.SetAddrs(all)
}

const refusing, refusingToo = "127.0.0.1:1", "127.0.0.2:1"

func TestNodeIsUpIfItIsUpAtOneAddress(t *testing.T) {
	good := proxytest.Serve(t, "127.0.0.1:0", acceptsConnects(t))
	other := proxytest.Serve(t, "[::1]:0", acceptsConnects(t))
	closing := proxytest.Serve(t, "127.0.0.1:0", func(conn *net.TCPConn) { readConnect(t, conn) })
	n := newPool(t, "127.0.0.1:1883").Nodes()[0]
	for _, tt := range []struct {
		addrs []string
		want  balancer.State
		why   []string
	}{
		{[]string{refusing, good}, balancer.Up, nil},
		{[]string{good, closing}, balancer.Up, nil},
		{[]string{closing, other, refusing}, balancer.Up, nil},
		{[]string{refusing, closing}, balancer.Down, []string{refusing + ": ", "connection refused; " + closing + ": it closed the connection and sent no CONNACK"}},
	} {
		setAddrs(n, tt.addrs...)
		p := newProber(Check{Probe: MQTT})
		p.tag = newTag()
		r := p.probe(t.Context(), n)
		if got := stateOf(r.err); got != tt.want || r.took <= 0 {
			t.Errorf("%v: %v, want %v", tt.addrs, r.err, tt.want)
		}
		for _, part := range tt.why {
			if r.err == nil || !strings.Contains(r.err.Error(), part) {
				t.Errorf("%v: %v; want %q", tt.addrs, r.err, part)
			}
		}
		for i, f := range r.at {
			alive := tt.addrs[i] == good || tt.addrs[i] == other
			if f.addr.String() != tt.addrs[i] || (f.err == nil) != alive {
				t.Errorf("%v: %v: %v", tt.addrs, f.addr, f.err)
			}
		}
	}
}

// A broker closes one of two clients with the same identifier.
func TestProbesOfTheAddressesOfANodeAreDifferentClients(t *testing.T) {
	for pattern, differ := range map[string]bool{"": true, "probe-%r-of-%n": true, "probe-of-%n": false} {
		var mu sync.Mutex
		var ids []string
		open, most := 0, 0
		serve := func(conn *net.TCPConn) {
			id := make([]byte, 256)
			size, _ := conn.Read(id)
			mu.Lock()
			open++
			most = max(most, open)
			ids = append(ids, string(id[14:size]))
			mu.Unlock()
			if !differ {
				<-time.After(100 * time.Millisecond) // a second one at the same time comes now
			}
			mu.Lock()
			open-- // before the answer, after which the next one may come
			mu.Unlock()
			_, _ = conn.Write([]byte{0x20, 2, 0, 0})
			_, _ = io.Copy(io.Discard, conn)
		}
		n := newPool(t, "127.0.0.1:1883").Nodes()[0]
		setAddrs(n, proxytest.Serve(t, "127.0.0.1:0", serve), proxytest.Serve(t, "127.0.0.1:0", serve), proxytest.Serve(t, "127.0.0.1:0", serve))
		p := newProber(Check{Probe: MQTT, ClientID: pattern})
		p.tag = newTag()
		p.clientID = newClientID(pattern, p.tag, n)
		if r := p.probe(t.Context(), n); r.err != nil {
			t.Fatal(r.err)
		}
		mu.Lock()
		slices.Sort(ids)
		if got := len(slices.Compact(ids)); differ && got != 3 || !differ && (got != 1 || most != 1) {
			t.Errorf("%q: %d identifiers, %d at the same time", pattern, got, most)
		}
		mu.Unlock()
	}
}

// A node that could not be probed at one address, for want of ports, may be well there.
func TestShortageAtOneAddressSaysNothingAboutTheNode(t *testing.T) {
	at := func(err error) atAddress { return atAddress{result: result{err: err}} }
	short, dead := at(fmt.Errorf("dial: %w", syscall.EADDRNOTAVAIL)), at(errDead)
	for _, tt := range []struct {
		all   []atAddress
		short bool
		state balancer.State
	}{
		{[]atAddress{dead, short}, true, 0},
		{[]atAddress{short, dead}, true, 0},
		{[]atAddress{short, at(nil)}, false, balancer.Up},
		{[]atAddress{dead, at(&drainingError{}), short}, false, balancer.Draining},
		{[]atAddress{dead, dead}, false, balancer.Down},
	} {
		r := best(tt.all)
		if r.isShort() != tt.short || !tt.short && stateOf(r.err) != tt.state {
			t.Errorf("%v", r.err)
		}
	}
}

// addressed are probes whose results a test sets by address.
type addressed struct {
	mu  sync.Mutex
	err map[string]error
}

func (a *addressed) set(addr string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err[addr] = err
}

func (a *addressed) probe(_ context.Context, _ *prober, n *balancer.Node) result {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []atAddress
	for _, addr := range n.Addrs() {
		all = append(all, atAddress{addr, result{took: time.Millisecond, err: a.err[addr.String()]}})
	}
	if len(all) == 1 {
		return all[0].result
	}
	return best(all)
}

func TestEachAddressHasAVerdict(t *testing.T) {
	const first, second, third = "10.0.0.1:1883", "10.0.0.2:1883", "[2001:db8::1]:1883"
	synctest.Test(t, func(t *testing.T) {
		a := &addressed{err: map[string]error{}}
		var lines bytes.Buffer
		c := NewChecker(slog.New(slog.NewTextHandler(&lines, nil)))
		c.probe = a.probe
		pool := newPool(t, "127.0.0.1:1883")
		node := pool.Nodes()[0]
		setAddrs(node, first, second, third)
		c.Apply(pool, Check{Probe: TCP, Interval: 10 * time.Second, Rise: 2, Fall: 3})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) }) // ends with ctx
		defer running.Wait()
		defer cancel()
		order := func() string { return fmt.Sprint(node.DialOrder()) }
		states := func() (all []string) {
			for _, at := range c.Status()[0].Addresses {
				all = append(all, at.State.String())
			}
			return all
		}
		pass(time.Second)
		if got := order(); got != "["+first+" "+third+" "+second+"]" {
			t.Errorf("the families alternate: %s", got)
		}

		a.set(first, errDead)
		a.set(third, errDead)
		pass(12 * time.Second) // one bad probe is enough for the order
		if got := order(); got != "["+second+" "+first+" "+third+"]" {
			t.Errorf("the bad addresses come last: %s", got)
		}
		pass(10 * time.Second)
		if got := fmt.Sprint(states()); got != "[down up down]" || node.Health() != balancer.Up {
			t.Errorf("%s, and the node is %v", got, node.Health())
		}
		if at := c.Status()[0].Addresses[0]; !errors.Is(at.Err, errDead) || at.Since.IsZero() || at.Took != time.Millisecond {
			t.Errorf("%+v", at)
		}

		a.set(second, errDead)
		pass(30 * time.Second)
		if err := c.Status()[0].Err; node.Health() != balancer.Down || err.Error() != first+": dead; "+second+": dead; "+third+": dead" {
			t.Errorf("%v: %v", node.Health(), err)
		}
		a.set(first, nil)
		pass(60 * time.Second)
		if got := fmt.Sprint(states()); got != "[up down down]" || node.Health() != balancer.Up || !strings.HasPrefix(order(), "["+first) {
			t.Errorf("%s, and the node is %v", got, node.Health())
		}
		log := lines.String()
		for part, n := range map[string]int{"an address of a node is down": 3, "an address of a node is up": 1, "node is down": 4, "node is up": 2} {
			if got := strings.Count(log, part); got != n {
				t.Errorf("%d lines with %q, want %d", got, part, n)
			}
		}

		setAddrs(node, first) // the others vanish
		pass(60 * time.Second)
		if got := states(); len(got) != 0 || node.Health() != balancer.Up {
			t.Errorf("%s, and the node is %v", got, node.Health())
		}
	})
}

// Each address has its own management port, and its own offer.
func TestProbeAsksTheManagementOfEachAddress(t *testing.T) {
	m := startManagement(t, enterprise58)
	p, n := emqxProber(t, m.address, Check{})
	p.tag = newTag()
	setAddrs(n, "127.0.0.1:1883", "127.0.0.2:1883") // nobody listens on the second one
	for _, step := range []struct {
		state nodeState
		want  balancer.State
	}{{running, balancer.Up}, {evacuating, balancer.Draining}, {running, balancer.Up}, {stopped, balancer.Down}} {
		m.set(enterprise58, step.state)
		r := p.probe(t.Context(), n)
		if got := stateOf(r.err); got != step.want || len(r.at) != 2 || stateOf(r.at[0].err) != step.want || stateOf(r.at[1].err) != balancer.Down {
			t.Errorf("%v: %v, want %v", step.state, r.err, step.want)
		}
	}
	if len(p.offers) != 2 {
		t.Errorf("%d offers", len(p.offers))
	}
}
