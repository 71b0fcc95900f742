package walk

import (
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// tiers returns the nodes of a pool that has so many of them in each tier, in the order of a session with the key 1,
// and its walk. The nodes of the last tier are backups.
func tiers(t *testing.T, rate int, sizes ...int) (_ []*balancer.Node, newWalk func(until int64) Walk) {
	t.Helper()
	spec := balancer.PoolSpec{Name: "p", Queue: patient}
	for tier, size := range sizes {
		for range size {
			spec.Nodes = append(spec.Nodes, balancer.NodeSpec{
				Name: fmt.Sprint("n", len(spec.Nodes)), Address: "127.0.0.1:1", MaxConnections: 1, ConnectRate: rate,
				Priority: 10 * tier, Backup: tier == len(sizes)-1,
			})
		}
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	start := p.Candidates(balancer.Client{Key: 1, Keyed: true})
	var nodes []*balancer.Node
	for c, ok := start, true; ok; c, ok = start.Below(&c) {
		for n := c.Next(); n != nil; n = c.Next() {
			nodes = append(nodes, n)
		}
	}
	return nodes, func(until int64) Walk { return New(start, until, Pause) }
}

// driveNodes is drive for nodes in this order.
func driveNodes(t *testing.T, w *Walk, nodes []*balancer.Node, fates []attempts) (steps string) {
	t.Helper()
	for i, n := range nodes {
		if len(fates[i]) == 0 {
			n.Acquire()
		}
	}
	tried := map[*balancer.Node]int{}
	for now := int64(0); len(steps) < 200; {
		node, pause := w.Next(now)
		if pause > 0 {
			steps, now = steps+"pause ", now+int64(pause)
			continue
		}
		if node == nil {
			return steps + "none"
		}
		for i := range nodes {
			if nodes[i] != node {
				continue
			}
			steps += fmt.Sprint(i, " ")
			err := fates[i][min(tried[node], len(fates[i])-1)]
			tried[node]++
			now += int64(each)
			switch err {
			case nil:
				return steps + "reached"
			case errClosed, errAnswered:
				w.TurnedAway(err == errClosed)
			default:
				w.Failed(err)
			}
			node.Release()
		}
	}
	t.Fatalf("it does not end: %s", steps)
	return ""
}

// A session goes on to the nodes of the next priority only if it could reach none of those before.
func TestWalkOverTiers(t *testing.T) {
	const long = int64(time.Hour)
	refusedUpgrade := &websocket.ResponseError{Status: 403}
	for name, row := range map[string]struct {
		sizes []int
		fates []attempts
		until int64
		steps string
		want  outcome.Outcome
	}{
		"the first tier takes the session":        {[]int{2, 1}, []attempts{{refused}, {nil}, {nil}}, long, "0 1 reached", outcome.DialFailed},
		"none of it can be reached":               {[]int{2, 1}, []attempts{{refused}, {refused}, {nil}}, long, "0 1 2 reached", outcome.DialFailed},
		"nor in time":                             {[]int{2, 1}, []attempts{{silent}, {refused}, {nil}}, long, "0 1 2 reached", outcome.DialFailed},
		"nor without time to repeat":              {[]int{1, 1}, []attempts{{silent}, {nil}}, 0, "0 1 reached", outcome.DialFailed},
		"nor one of its host names":               {[]int{1, 1}, []attempts{{ErrUnresolved}, {nil}}, long, "0 1 reached", outcome.DialFailed},
		"and so forth":                            {[]int{1, 1, 1}, []attempts{{refused}, {refused}, {nil}}, long, "0 1 2 reached", outcome.DialFailed},
		"a round is over all tiers":               {[]int{1, 1}, []attempts{{silent, refused}, {refused, nil}}, long, "0 1 pause 0 1 reached", outcome.DialFailed},
		"and begins with the first":               {[]int{1, 1}, []attempts{{silent, nil}, {refused}}, long, "0 1 pause 0 reached", outcome.DialFailed},
		"a full node is not unreached":            {[]int{2, 1}, []attempts{{refused}, full, {nil}}, long, "0 none", outcome.DialFailed},
		"full ones are not, either":               {[]int{2, 1}, []attempts{full, full, {nil}}, long, "none", outcome.NodesFull},
		"nor one that is full in the second tier": {[]int{1, 1, 1}, []attempts{{refused}, full, {nil}}, long, "0 none", outcome.DialFailed},
		"nor one that refuses by its CONNACK":     {[]int{2, 1}, []attempts{{errAnswered}, {refused}, {nil}}, long, "0 1 none", outcome.DialFailed},
		"nor one that closes":                     {[]int{1, 1}, []attempts{{errClosed, nil}, {nil}}, long, "0 pause 0 reached", outcome.NoNode},
		"nor one that refuses the upgrade":        {[]int{1, 1}, []attempts{{refusedUpgrade}, {nil}}, long, "0 none", outcome.UpgradeRefused},
		"nor one for which we have no port":       {[]int{1, 1}, []attempts{{syscall.EADDRNOTAVAIL}, {nil}}, long, "0 none", outcome.PortsExceeded},
		"nor one whose name is looked up still":   {[]int{1, 1}, []attempts{{ErrResolving, nil}, {nil}}, long, "0 pause 0 reached", outcome.DialFailed},
		"nor one whose handshake had no turn":     {[]int{1, 1}, []attempts{{ErrNoTurn, nil}, {nil}}, long, "0 pause 0 reached", outcome.DialFailed},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, newWalk := tiers(t, 0, row.sizes...)
			w := newWalk(row.until)
			if got := driveNodes(t, &w, nodes, row.fates); got != row.steps || w.Reason() != row.want {
				t.Errorf("%s, %v, want %s, %v", got, w.Reason(), row.steps, row.want)
			}
		})
	}
}

// A session waits for a node of its tier that is busy, and not for a backup.
func TestBusyNodesAreNotReplacedByABackup(t *testing.T) {
	for name, row := range map[string]struct {
		fails int // of the first nodes
		want  int
	}{"all are well": {0, 0}, "the first tier cannot be reached": {2, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes, newWalk := tiers(t, 1, 2, 2)
				for _, n := range nodes[row.want : row.want+2] {
					n.Admit()
				}
				w := newWalk(int64(time.Hour))
				began := time.Now()
				for tried := 0; ; tried++ {
					node, pause := w.Next(int64(time.Since(began)))
					switch {
					case node == nil:
						t.Fatalf("no node: %v", w.Reason())
					case pause > 0 && node != nodes[row.want] && node != nodes[row.want+1]:
						t.Fatalf("it waits for %s", node.Name)
					case pause > 0:
						time.Sleep(pause) //nolint:forbidigo // by the clock of the bubble
					case tried < row.fails:
						node.Release()
						w.Failed(refused)
					case node != nodes[row.want] && node != nodes[row.want+1]:
						t.Fatalf("it got %s", node.Name)
					default:
						if waited := time.Since(began); waited < time.Second/2 {
							t.Errorf("it waited %v", waited)
						}
						return
					}
				}
			})
		})
	}
}
