package proxy

import (
	"fmt"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// BenchmarkStats is what a scrape of the metrics takes of a loop's turn. It depends on the number of
// listeners and nodes, and not on that of sessions, none of which is visited.
func BenchmarkStats(b *testing.B) {
	for _, size := range []struct{ listeners, nodes int }{{3, 3}, {20, 60}} {
		b.Run(fmt.Sprintf("%d listeners, %d nodes", size.listeners, size.nodes), func(b *testing.B) {
			l := &loop{counters: newLedger()}
			c := &l.counters
			for i := range size.listeners {
				name := fmt.Sprintf("listener-%d", i)
				c.listener(&snapshot.Listener{Name: name}, nil)
				for n := range size.nodes {
					f := c.flow(name, "pool", &balancer.Node{Name: fmt.Sprintf("node-%d", n)})
					f.connacked(0, 1)
					f.connacked(0x84, 1)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				c := ledgerCopy{}
				c.begin(l) // no later turn has more to do
			}
		})
	}
}
