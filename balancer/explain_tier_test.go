package balancer

import (
	"slices"
	"strings"
	"testing"
)

func TestExplanationSaysWhichTierIsInUse(t *testing.T) {
	for _, a := range []Algorithm{ConsistentHash, LeastConnections} {
		p := newTieredPool(t, PoolSpec{Algorithm: a}, "a:0", "b:20", "c:b", "d:b3")
		explain := func(when string, want ...string) {
			t.Helper()
			if a == LeastConnections { // it has a key, which nothing looks at
				for i := range want {
					want[i] = withoutPlace(want[i])
				}
				slices.Sort(want)
			}
			got := explained(p.Explain(Client{Key: 7, Keyed: true}))
			if a == LeastConnections {
				slices.Sort(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, %s:\n%q, want\n%q", a, when, got, want)
			}
		}
		const first = "first by its hash"
		const waits = ": used when no node before it is up, or can be reached"
		const uses, tried = ", in use since no node before it is up", ", tried since no node before it can be reached"
		explain("all up", "a: "+first+" *", "b: priority 20"+waits, "c: a backup"+waits, "d: a backup of priority 3"+waits)
		p.node("a").SetHealth(Down)
		explain("a is down", "b: "+first+"; priority 20"+uses+" *", "c: a backup"+waits, "d: a backup of priority 3"+waits, "a: down by its health checks")
		p.node("b").SetOperator(Draining)
		explain("b drains", "c: "+first+"; a backup"+uses+" *", "d: a backup of priority 3"+waits, "a: down by its health checks", "b: draining by the operator")
		p.node("c").SetOperator(Down)
		p.node("d").SetHealth(Down)
		const last = "last resort, since no node is up: "
		explain("none is up", "a: "+last+first+" *", "d: "+last+"next by its hash", "b: draining by the operator", "c: disabled by the operator")
		if a == LeastConnections {
			continue
		}
		p.node("a").SetHealth(Up)
		p.node("a").SetAddrs(nil)
		p.node("b").SetOperator(Up)
		explain("a has no address", "a: its host name is not resolved", "b: "+first+"; priority 20"+tried+" *", "c: disabled by the operator", "d: down by its health checks")
	}
}

// withoutPlace turns the reason of a node with a place by hash into one without.
func withoutPlace(line string) string {
	line = strings.NewReplacer("first by its hash", "may be chosen", "next by its hash", "may be chosen").Replace(line)
	return strings.TrimSuffix(line, " *")
}
