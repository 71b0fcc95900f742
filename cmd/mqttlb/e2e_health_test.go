package main_test

import (
	"fmt"
	"testing"
)

func TestADeadNodeIsTakenOutAndComesBack(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	a, b := brokers[0], brokers[1]
	restart := func() { a.restart(t) } // for the whole test: a subtest's end would end it
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
