package proxy

import (
	"fmt"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
)

// The counters of a large configuration are copied in several turns: each flow once, and nothing of it
// is shared with the loop afterwards.
func TestCountersOfManyFlowsAreCopiedInSeveralTurns(t *testing.T) {
	const flows = 2*flowsPerLook + 1
	l := &loop{counters: newLedger(), keptBytes: 7}
	l.counters.acceptErrors = 3
	l.counters.listener(&snapshot.Listener{Name: "mqtt", Protocol: snapshot.TCP}, nil).Accepted = 5
	for i := range flows {
		f := l.counters.flow("mqtt", "pool", &balancer.Node{Name: fmt.Sprint("node-", i)})
		f.Total = uint64(i)
		f.connacked(0, 1)
	}
	var c ledgerCopy
	c.begin(l)
	turns := 1
	for ; len(c.left) > 0; turns++ {
		c.makeRoom()
		c.proceed()
	}
	if turns != 3 {
		t.Errorf("%d turns", turns)
	}
	for _, f := range l.counters.flows { // the loop goes on
		f.Total += 1000
		f.connacked(0, 1)
	}
	var stats Stats
	stats.add(&c)
	seen := map[string]bool{}
	for i := range stats.Flows {
		f := &stats.Flows[i]
		seen[f.Node] = true
		if f.Node != fmt.Sprint("node-", f.Total) || f.Connacks[0] != 1 || f.TimeToConnack.Count() != 1 {
			t.Errorf("%+v", f)
		}
	}
	if len(seen) != flows || len(stats.Flows) != flows {
		t.Errorf("%d flows of %d nodes, want %d", len(stats.Flows), len(seen), flows)
	}
	if l := stats.Listener("mqtt"); stats.AcceptErrors != 3 || stats.KeptBytes != 7 || len(stats.Loops) != 1 || l.Accepted != 5 || l.Protocol != snapshot.TCP {
		t.Errorf("%+v", stats)
	}
}
