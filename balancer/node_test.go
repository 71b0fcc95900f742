package balancer

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestStateIsTheWorseOfTheOperatorsWordAndTheHealth(t *testing.T) {
	for _, tt := range []struct {
		operator State
		healthy  bool
		want     State
	}{
		{Up, true, Up},
		{Up, false, Down},
		{Draining, true, Draining},
		{Draining, false, Down},
		{Down, true, Down},
		{Down, false, Down},
	} {
		n := newPool(t, ConsistentHash, "a").Nodes()[0]
		n.SetOperator(tt.operator)
		n.SetHealth(pickState(tt.healthy))
		if got := n.State(); got != tt.want {
			t.Errorf("operator %v, healthy %v: %v, want %v", tt.operator, tt.healthy, got, tt.want)
		}
		if n.Operator() != tt.operator || (n.Health() == Up) != tt.healthy {
			t.Errorf("the two were not kept apart: %v, %v", n.Operator(), n.Health() == Up)
		}
	}
}

// pickState returns Up, or Down.
func pickState(up bool) State {
	if up {
		return Up
	}
	return Down
}

func TestANodeThatComesUpAgainTakesAGrowingPart(t *testing.T) {
	p, err := NewPool(PoolSpec{Name: "p", SlowStart: time.Hour, Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	n := p.Nodes()[0]
	for name, set := range map[string]func(State){"operator": n.SetOperator, "health": n.SetHealth} {
		n.operator.cameUp.Store(0)
		n.condition.cameUp.Store(0)
		if set(Up); n.Ramp() != 1 {
			t.Errorf("%s: a node that was up all the time takes %v", name, n.Ramp())
		}
		set(Down)
		if set(Up); n.Ramp() > 0.01 {
			t.Errorf("%s: a node that has just come up takes %v", name, n.Ramp())
		}
		n.operator.cameUp.Add(-int64(30 * time.Minute))
		n.condition.cameUp.Add(-int64(30 * time.Minute))
		if got := n.Ramp(); got < 0.5 || got > 0.51 {
			t.Errorf("%s: after half of the time it takes %v", name, got)
		}
	}
}

func TestNewNodeIsUp(t *testing.T) {
	if n := newPool(t, ConsistentHash, "a").Nodes()[0]; n.State() != Up || n.Open() != 0 {
		t.Errorf("state %v, %d open", n.State(), n.Open())
	}
}

func TestNodeTakesNoMoreThanMaxConnections(t *testing.T) {
	p, err := NewPool(PoolSpec{Nodes: []NodeSpec{{Name: "a", Address: "127.0.0.1:1", MaxConnections: 7}}})
	if err != nil {
		t.Fatal(err)
	}
	n := p.Nodes()[0]
	// Eight loops acquire and release; at most 7 sessions may be open.
	var in, most, refused atomic.Int64
	var loops sync.WaitGroup
	for range 8 {
		loops.Go(func() {
			for range 10_000 {
				if !n.Acquire() {
					refused.Add(1)
					continue
				}
				now := in.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				in.Add(-1)
				n.Release()
			}
		})
	}
	loops.Wait()
	if most.Load() > 7 {
		t.Errorf("%d sessions at once on a node of max_connections 7", most.Load())
	}
	if n.Open() != 0 {
		t.Errorf("%d open after all were released", n.Open())
	}
	for i := range 8 {
		if got, want := n.Acquire(), i < 7; got != want {
			t.Errorf("session %d: taken %v, want %v", i+1, got, want)
		}
	}
	if n.Open() != 7 {
		t.Errorf("%d open, want 7: a refusal counts nothing", n.Open())
	}
	n.Release()
	if !n.Acquire() {
		t.Error("a place that became free was not given again")
	}
}

func TestNodeWithoutLimitCountsItsSessions(t *testing.T) {
	n := newPool(t, ConsistentHash, "a").Nodes()[0]
	for range 1000 {
		if !n.Acquire() {
			t.Fatal("refused")
		}
	}
	if n.Open() != 1000 {
		t.Errorf("%d open", n.Open())
	}
}

func TestAddrsOfALiteralAreKnownAtOnce(t *testing.T) {
	for _, tt := range []struct {
		address string
		want    string // empty: unknown
	}{
		{"127.0.0.1:1883", "127.0.0.1:1883"},
		{"[::1]:1883", "[::1]:1883"},
		{"[::ffff:127.0.0.1]:1883", "127.0.0.1:1883"},
		{"[fe80::1%lo]:1883", "[fe80::1%lo]:1883"},
		{"broker.example:1883", ""},
	} {
		p, err := NewPool(PoolSpec{Nodes: []NodeSpec{{Name: "a", Address: tt.address}}})
		if err != nil {
			t.Fatal(err)
		}
		var want []netip.AddrPort
		if tt.want != "" {
			want = append(want, netip.MustParseAddrPort(tt.want))
		}
		if got := p.Nodes()[0].Addrs(); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", tt.address, got, want)
		}
	}
}

func TestSetAddrsKeepsItsOwnCopy(t *testing.T) {
	n := newPool(t, ConsistentHash, "a").Nodes()[0]
	want := netip.MustParseAddrPort("127.0.0.9:1")
	addrs := []netip.AddrPort{want}
	n.SetAddrs(addrs)
	addrs[0] = netip.AddrPort{}
	if got := n.Addrs(); len(got) != 1 || got[0] != want {
		t.Errorf("Addrs() = %v", got)
	}
}
