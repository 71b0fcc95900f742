package main_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	lb "mqttlb/balancer"
)

// night is a balancer, three brokers and the clients of a night.
type night struct {
	*balancer
	brokers []*actor
	devices []*device
	home    map[string]string // the name of each client's first broker
	rate    int               // of each broker
}

// A night of a cluster, hour by hour: a broker evacuates, one is full, one hangs, two are killed, all return.
// No client is refused while a broker takes clients, and what was acknowledged has arrived.
func TestANight(t *testing.T) {
	t.Parallel()
	const rate, clients = 10, 48
	brokers, port := startActors(t, "127.9.7", "a", "b", "c")
	a, b, c := brokers[0], brokers[1], brokers[2]
	n := &night{brokers: brokers, home: map[string]string{}, rate: rate, balancer: serve(t, fmt.Sprintf(`
listeners:
  - {name: mqtt, address: "${mqtt}", pool: brokers}
pools:
  - name: brokers
    health: {probe: emqx, port: %s, interval: 500ms, timeout: 500ms, fall: 2, rise: 2}
    connect_rate: %d/s
    slow_start: 1s
    queue: {size: 1000, time: 1m}
    rebalance: 8/s
    confirm: {time: 1m, silence: retry}
    nodes:
      - {name: a, address: %q}
      - {name: b, address: %q}
      - {name: c, address: %q}
timeouts: {connack: 1s, dial: 10s}
`, port, rate, a.addr, b.addr, c.addr))}
	defer n.begin(t, clients)()

	hour := func(title string, f func(t *testing.T)) {
		if !t.Run(title, f) {
			t.FailNow()
		}
	}
	hour("21:00, all clients come at once: they get in at the rate, and persistent sessions to the broker of their identifier", func(t *testing.T) {
		n.allIn(t)
		n.residentsAtHome(t, a, b, c)
	})
	hour("22:00, a evacuates: nobody is refused, and nobody comes to it", func(t *testing.T) {
		a.play(evacuates)
		n.waitFor(t, `"msg":"node is draining"`, `"node":"a"`)
		eventually(t, "a is empty", func() bool { return len(a.evict(4)) == 0 })
		n.allIn(t)
		if ids := a.open(); len(ids) > 0 {
			t.Errorf("a evacuates, and has %v", ids)
		}
	})
	hour("23:00, a takes clients again: its persistent sessions return", func(t *testing.T) {
		a.play(serves)
		n.waitFor(t, `"msg":"node is up"`, `"node":"a"`)
		n.residentsAtHome(t, a)
	})
	hour("00:00, b is full and closes new connections: they go to the next broker, and clients notice nothing", func(t *testing.T) {
		b.play(closes)
		evicted := b.evict(8)
		n.allIn(t)
		if at := append(a.open(), c.open()...); !containsAll(at, evicted) {
			t.Errorf("b has evicted %v, and the others have %v", evicted, at)
		}
		b.play(serves)
	})
	hour("01:00, c hangs: its clients get their CONNACK elsewhere", func(t *testing.T) {
		c.play(stalls)
		evicted := c.evict(8)
		n.allIn(t)
		if at := append(a.open(), b.open()...); !containsAll(at, evicted) {
			t.Errorf("c has evicted %v, and the others have %v", evicted, at)
		}
		c.play(serves)
	})
	hour("02:00, a and b are killed: c takes all, at its rate", func(t *testing.T) {
		a.die()
		b.die()
		n.allOn(t, c)
	})
	hour("03:00, a flaps: the clients stay where they are served", func(t *testing.T) {
		before, evicted := n.arrived(), map[string]bool{}
		for range 5 {
			a.rise(t)
			for _, id := range c.evict(2) {
				evicted[id] = true
			}
			time.Sleep(300 * time.Millisecond) //nolint:forbidigo // this is the flapping
			a.die()
		}
		n.allOn(t, c)
		for id, times := range n.arrived() {
			if times != before[id] && !evicted[id] {
				t.Errorf("%s was on c, and had to come again", id)
			}
		}
	})
	hour("04:00, a and b return, and their persistent sessions follow", func(t *testing.T) {
		a.rise(t)
		b.rise(t)
		n.residentsAtHome(t, a, b, c)
	})
}

// begin has clients live until the function that it returns has ended. That function also checks what they
// have seen in the night.
func (n *night) begin(t *testing.T, clients int) (dawn func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var names []string
	for _, broker := range n.brokers {
		names = append(names, broker.name)
	}
	var living sync.WaitGroup
	for i := range clients {
		d := &device{id: fmt.Sprintf("device %d", i), version: []byte{4, 5}[i%2], persistent: i%3 == 0}
		n.devices = append(n.devices, d)
		n.home[d.id] = firstNode(t, names, d.id)
		living.Go(func() { d.live(ctx, n.addrs["mqtt"]) }) // ends with ctx
	}
	return func() {
		cancel()
		living.Wait()
		n.check(t)
	}
}

// firstNode returns the node to which an identifier leads, among those of the names.
func firstNode(t *testing.T, names []string, id string) string {
	t.Helper()
	var nodes []lb.NodeSpec
	for _, name := range names {
		nodes = append(nodes, lb.NodeSpec{Name: name, Address: "127.0.0.1:1"})
	}
	pool, err := lb.NewPool(lb.PoolSpec{Name: "brokers", Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	return pool.Home(lb.Hash([]byte(id))).Name
}

// check checks what clients and brokers have seen.
func (n *night) check(t *testing.T) {
	t.Helper()
	noted := map[string]bool{}
	for _, broker := range n.brokers {
		broker.mu.Lock() // it may still hear of the last sessions
		maps.Copy(noted, broker.noted)
		broker.mu.Unlock()
		if most := broker.most(time.Second); most > 5*n.rate/2 {
			t.Errorf("%s got %d clients in a second, and its rate is %d", broker.name, most, n.rate)
		}
	}
	acked, longest := 0, time.Duration(0)
	for _, d := range n.devices {
		if len(d.refused) > 0 {
			t.Errorf("%s (MQTT %d, persistent %v) was refused: %s", d.id, d.version, d.persistent, strings.Join(d.refused, "; "))
		}
		for _, payload := range d.acked {
			if !noted[payload] {
				t.Errorf("%q was acknowledged and has not arrived", payload)
			}
		}
		acked, longest = acked+len(d.acked), max(longest, d.longest)
	}
	if longest > patience/2 {
		t.Errorf("a client has waited %v for its CONNACK; at its rate one broker takes all within %d s", longest, len(n.devices)/n.rate)
	}
	t.Logf("%d PUBLISH acknowledged; the longest wait for a CONNACK was %v", acked, longest)
}

// arrived returns how often each client has arrived.
func (n *night) arrived() map[string]int {
	times := map[string]int{}
	for _, broker := range n.brokers {
		for id, more := range broker.arrived() {
			times[id] += more
		}
	}
	return times
}

// allIn waits until every client has a session.
func (n *night) allIn(t *testing.T) {
	t.Helper()
	n.all(t, "in", n.brokers, func(string, *actor) bool { return true })
}

// allOn waits until every client has a session on this broker.
func (n *night) allOn(t *testing.T, on *actor) {
	t.Helper()
	n.all(t, "on "+on.name, []*actor{on}, func(string, *actor) bool { return true })
}

// residentsAtHome waits until every persistent session of these brokers is there, and every other client
// anywhere: for the sake of the rate, those without a state go to the next broker.
func (n *night) residentsAtHome(t *testing.T, brokers ...*actor) {
	t.Helper()
	var names []string
	for _, broker := range brokers {
		names = append(names, broker.name)
	}
	persistent := map[string]bool{}
	for _, d := range n.devices {
		persistent[d.id] = d.persistent
	}
	n.all(t, "in, and at home if they belong to "+strings.Join(names, ", "), n.brokers, func(id string, at *actor) bool {
		return n.home[id] == at.name || !persistent[id] || !slices.Contains(names, n.home[id])
	})
}

// all waits until each client has a session on one of these brokers, which is the right one for it.
func (n *night) all(t *testing.T, where string, brokers []*actor, right func(id string, at *actor) bool) {
	t.Helper()
	var missing map[string]string
	defer func() {
		if t.Failed() {
			t.Log("not there: ", missing)
		}
	}()
	eventually(t, "all clients are "+where, func() bool {
		missing = maps.Clone(n.home)
		for _, broker := range brokers {
			for _, id := range broker.open() {
				if right(id, broker) {
					delete(missing, id)
				}
			}
		}
		return len(missing) == 0
	})
}

// containsAll reports whether all has these identifiers.
func containsAll(all, these []string) bool {
	return !slices.ContainsFunc(these, func(id string) bool { return !slices.Contains(all, id) })
}
