package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// demoPatience is how long a test waits for an event that must happen. A test that
// waits this long fails.
const demoPatience = 60 * time.Second

// hurried is a fast pace for tests.
var hurried = pace{
	publish:    50 * time.Millisecond,
	stay:       200 * time.Millisecond,
	firstRetry: 10 * time.Millisecond,
	lastRetry:  200 * time.Millisecond,
}

// startTrial runs the demo without its display until the test ends or stop is called.
// When stop returns, nothing of the demo should be left.
func startTrial(t *testing.T, brokers, clients int) (running *trial, stop func()) {
	t.Helper()
	running, err := newTrial(demoFlags{listen: loopback + ":0", brokers: brokers, clients: clients}, hurried)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends when ctx is done
		defer close(ended)
		running.run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return running, stop
}

// await waits until each client is on the wanted node.
func await(t *testing.T, b *board, what string, cond func(at map[string]string) bool) map[string]string {
	t.Helper()
	deadline := time.After(demoPatience)
	for {
		_, _, more := b.since(0)
		at := places(b)
		if cond(at) {
			return at
		}
		select {
		case <-more:
		case <-deadline:
			events, _, _ := b.since(0)
			t.Fatalf("not within %v: %s; clients are at %v after %v", demoPatience, what, at, events)
		}
	}
}

// places returns the node of each client that is online.
func places(b *board) map[string]string {
	at := map[string]string{}
	for _, n := range b.view(0).nodes {
		for _, c := range n.clients {
			at[c.id] = n.name
		}
	}
	return at
}

func TestTheClientsOfAKilledBrokerMoveAndComeHome(t *testing.T) {
	const clients = 24
	demo, _ := startTrial(t, 2, clients)
	before := await(t, demo.board, "every client is on a broker", func(at map[string]string) bool { return len(at) == clients })
	var lost []string
	for id, node := range before {
		if node == "broker-1" {
			lost = append(lost, id)
		}
	}
	if len(lost) == 0 || len(lost) == clients {
		t.Fatalf("%d of %d clients are on broker-1: nothing to see", len(lost), clients)
	}

	demo.toggle(0)
	await(t, demo.board, "the clients of broker-1 are on broker-2", func(at map[string]string) bool {
		return !slices.ContainsFunc(lost, func(id string) bool { return at[id] != "broker-2" })
	})
	demo.toggle(0)
	await(t, demo.board, "every client is where it was", func(at map[string]string) bool { return maps.Equal(at, before) })

	events, _, _ := demo.board.since(0)
	count := map[eventKind]map[string]int{moved: {}, cameHome: {}}
	for _, e := range events {
		if e.kind == moved || e.kind == cameHome {
			count[e.kind][e.client]++
		}
		if e.kind == moved && !e.fromKilled {
			t.Errorf("%v, and nobody had killed it", e)
		}
	}
	for id, node := range before {
		want := 0
		if node == "broker-1" {
			want = 1
		}
		if count[moved][id] != want || count[cameHome][id] != want {
			t.Errorf("%s of %s moved %d times and came home %d times, want %d", id, node, count[moved][id], count[cameHome][id], want)
		}
	}
}

func TestTheBrokerKnowsTheAddressOfEachClient(t *testing.T) {
	demo, _ := startTrial(t, 2, 0)
	for _, ip := range []string{"127.0.0.1", "127.0.0.9"} {
		c := joinDemo(t, demo, ip, "from-"+ip)
		await(t, demo.board, ip+" has joined", func(at map[string]string) bool { return at["from-"+ip] != "" })
		events, n, _ := demo.board.since(0)
		if got := events[n-1]; got.kind != joined || got.addr != c.conn.LocalAddr().String() {
			t.Errorf("%v, want an address of %v", got, c.conn.LocalAddr())
		}
	}
}

func TestMessagesReachTheSubscribersOfEveryBrokerOnce(t *testing.T) {
	demo, _ := startTrial(t, 3, 0)
	perNode := map[string]*demoClient{}
	for i := 0; len(perNode) < 3; i++ {
		id := fmt.Sprint("subscriber-", i)
		if node := demo.board.home(id); perNode[node] == nil {
			perNode[node] = joinDemo(t, demo, loopback, id)
		}
	}
	for _, c := range perNode {
		if _, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "demo/#", QoS: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	// A message that was delivered twice, or looped, would arrive before the last ones.
	const each = 20
	want := map[string]int{}
	for node, c := range perNode {
		for i := range each {
			text := fmt.Sprintf("%s %d", node, i)
			want[text] = 1
			if _, err := c.Publish(t.Context(), &paho.Publish{Topic: "demo/x", QoS: 1, Payload: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for node, c := range perNode {
		got := map[string]int{}
		for range want {
			got[c.receive(t)]++
		}
		if !maps.Equal(got, want) {
			t.Errorf("the subscriber on %s got %v", node, got)
		}
	}
	total := uint64(0)
	for _, n := range demo.board.view(0).nodes {
		total += n.messages
	}
	if total != uint64(len(want)) {
		t.Errorf("%d messages are counted, want %d", total, len(want))
	}
}

func TestNothingOfTheDemoIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	demo, stop := startTrial(t, 2, 8)
	joinDemo(t, demo, loopback, "who-stays-connected")
	await(t, demo.board, "every client is on a broker", func(at map[string]string) bool { return len(at) == 9 })
	address := demo.address()
	used := []string{address.String(), demo.server.status.listener.Addr().String(), demo.brokers[0].address, demo.brokers[1].address}
	stop()
	for _, address := range used {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("after the demo: %v", err)
			continue
		}
		ln.Close()
	}
	// The last goroutines of libraries end a moment later.
	until(t, func() bool { return runtime.NumGoroutine() <= before }, func() string {
		stacks := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
	})
}

// until polls a condition that no event announces. otherwise describes the state if the
// condition never holds.
func until(t *testing.T, cond func() bool, otherwise func() string) {
	t.Helper()
	deadline := time.After(demoPatience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", demoPatience, otherwise())
		}
	}
}

// demoClient is a client that is not part of the demo.
type demoClient struct {
	*paho.Client
	conn net.Conn
	in   chan string
}

func joinDemo(t *testing.T, demo *trial, ip, id string) *demoClient {
	t.Helper()
	address := demo.address()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &demoClient{conn: conn, in: make(chan string, 1024)}
	c.Client = paho.NewClient(paho.ClientConfig{
		ClientID: id, Conn: conn, PacketTimeout: demoPatience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.in <- string(p.Packet.Payload)
			return true, nil
		}},
	})
	if _, err := c.Connect(t.Context(), &paho.Connect{ClientID: id, KeepAlive: 30, CleanStart: true}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *demoClient) receive(t *testing.T) string {
	t.Helper()
	select {
	case text := <-c.in:
		return text
	case <-time.After(demoPatience):
		t.Fatalf("no message within %v", demoPatience)
		return ""
	}
}
