package main_test

import (
	"fmt"
	"testing"
)

func TestADeadNodeIsTakenOutAndComesBack(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	a, b := brokers[0], brokers[1]
	restart := func() { a.restart(t) } // with the outer t: the broker must outlive the subtest
	for _, probe := range []string{"tcp", "mqtt"} {
		t.Run(probe, func(t *testing.T) {
			lb := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    health: {probe: `+probe+`, interval: 1s, timeout: 1s, rise: 2, fall: 2}
    nodes:
`+nodes(a, b))
			state := func(m *mosquitto, state string) func() bool {
				return func() bool {
					return lb.metrics(t).sum(t, "mqttlb_node_state", fmt.Sprintf("node=%q", m.name), fmt.Sprintf("state=%q", state)) == 1
				}
			}
			eventually(t, "both nodes are up", func() bool { return state(a, "up")() && state(b, "up")() })

			a.kill()
			eventually(t, "a is down", state(a, "down"))
			clients := ids("refugee-"+probe, 10)
			for _, id := range clients {
				join(t, lb.addrs["mqtt"], "", 4, id)
			}
			homes(t, []*mosquitto{b}, clients, 1)

			restart()
			eventually(t, "a is up again", state(a, "up"))
		})
	}
}

// twoStubs is one listener before two stubs. The second probe of a stub comes after an
// hour, unless something brings it forward.
const twoStubs = `
listeners:
  - {name: mqtt, address: "${mqtt}", pool: stubs}
pools:
  - name: stubs
    algorithm: round_robin
    health: {probe: tcp, interval: 1h, rise: 2, fall: %d}
    nodes:
`

// startTwoStubs starts two stubs and a balancer before them.
func startTwoStubs(t *testing.T, fall int) (b *balancer, x, y *stub) {
	t.Helper()
	x, y = startStub(t, "x", 5000, 1024), startStub(t, "y", 5000, 1024)
	return serve(t, fmt.Sprintf(twoStubs, fall)+stubs(x, y)), x, y
}

// A node that refuses some clients among many stays up if the next probe is good.
func TestAFewFailedDialsTakeNoNodeOut(t *testing.T) {
	t.Parallel()
	b, x, _ := startTwoStubs(t, 3)
	const bad, good = 10, 200
	for round := range 3 {
		x.refuse()
		for _, id := range ids(fmt.Sprint("unlucky-", round), bad) {
			join(t, b.addrs["mqtt"], "", 5, id) // at y
		}
		x.admit(t)
		for _, id := range ids(fmt.Sprint("lucky-", round), good) {
			join(t, b.addrs["mqtt"], "", 5, id)
		}
	}
	m := b.metrics(t)
	if n := m.sum(t, "mqttlb_dial_errors_total", `node="x"`); n < 3*bad/2 {
		t.Errorf("%v dials have failed, want half of the clients that came when a node refused", n)
	}
	if n := m.sum(t, "mqttlb_node_state", `state="up"`); n != 2 {
		t.Errorf("%v nodes are up, want 2", n)
	}
	if lines := b.said("node is down"); len(lines) > 0 {
		t.Errorf("a node was taken out: %s", lines[0])
	}
}

// The next probe is an hour away. It comes at once when a session cannot connect.
func TestASessionHastensTheEndOfADeadNode(t *testing.T) {
	t.Parallel()
	b, x, _ := startTwoStubs(t, 3)
	x.refuse()
	for _, id := range ids("scout", 2) { // round robin sends one of them to x
		join(t, b.addrs["mqtt"], "", 5, id)
	}
	b.waitFor(t, `"msg":"node is down"`, `"node":"x"`, "connection refused")
	if lines := b.said(`"msg":"node is down"`, `"node":"y"`); len(lines) > 0 {
		t.Errorf("a good node was taken out: %s", lines[0])
	}
}

// While all nodes are down, a session still tries them before it is refused.
func TestNodesThatAreDownAreTriedWhenNoneIsUp(t *testing.T) {
	t.Parallel()
	b, x, y := startTwoStubs(t, 1)
	x.refuse()
	y.refuse()
	const serverUnavailable5 = 0x88
	refused(t, b.addrs["mqtt"], 5, "early", serverUnavailable5)
	b.waitFor(t, `"msg":"node is down"`, `"node":"x"`)
	b.waitFor(t, `"msg":"node is down"`, `"node":"y"`)
	refused(t, b.addrs["mqtt"], 5, "still-early", serverUnavailable5)
	for _, s := range b.sessionsEnded(t, 2) {
		if s.Outcome != "dial_failed" {
			t.Errorf("the outcome is %q, want dial_failed", s.Outcome)
		}
	}
	x.admit(t)
	join(t, b.addrs["mqtt"], "", 5, "in-time")
	if n := b.metrics(t).sum(t, "mqttlb_node_state", `state="down"`); n != 2 {
		t.Errorf("%v nodes are down, want both: the next probe is an hour away", n)
	}
}
