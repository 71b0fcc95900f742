package walk

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// rates returns a pool of nodes with these rates, in the order of a session with the key 1.
func rates(t *testing.T, q balancer.Queue, perSecond ...int) (*balancer.Pool, []*balancer.Node) {
	t.Helper()
	spec := balancer.PoolSpec{Name: "p", Queue: q}
	for i := range perSecond {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: fmt.Sprint("n", i), Address: "127.0.0.1:1"})
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	c := p.Candidates(balancer.Client{Key: 1, Keyed: true})
	for _, rate := range perSecond {
		names[c.Next().Name] = rate
	}
	for i := range spec.Nodes {
		spec.Nodes[i].ConnectRate = names[spec.Nodes[i].Name]
	}
	if p, err = balancer.NewPool(spec); err != nil {
		t.Fatal(err)
	}
	var nodes []*balancer.Node
	c = p.Candidates(balancer.Client{Key: 1, Keyed: true})
	for n := c.Next(); n != nil; n = c.Next() {
		nodes = append(nodes, n)
	}
	return p, nodes
}

// patient is a queue with room for all.
var patient = balancer.Queue{Size: 100, Time: time.Minute}

// walker drives walks by the clock of the bubble.
type walker struct {
	began time.Time
	nodes []*balancer.Node
	until time.Duration
	fails int // of the nodes: its dials fail; -1: none
}

// run walks to the end and returns the node, or why there is none, and after how long.
func (r *walker) run(w *Walk) string {
	for {
		node, pause := w.Next(int64(time.Since(r.began)))
		at := time.Since(r.began).Round(10 * time.Millisecond)
		switch {
		case pause > 0:
			time.Sleep(pause) //nolint:forbidigo // by the clock of the bubble
		case node == nil:
			return fmt.Sprintf("%v after %v", w.Reason(), at)
		case r.fails >= 0 && node == r.nodes[r.fails]:
			node.Release()
			w.Failed(syscall.ECONNREFUSED)
		default:
			for i, n := range r.nodes {
				if n == node {
					return fmt.Sprintf("%d after %v", i, at)
				}
			}
		}
	}
}

func TestWalkOverNodesWithRates(t *testing.T) {
	for name, row := range map[string]struct {
		q     balancer.Queue
		rates []int
		stays string // a letter for each of the sessions that come at once: c is clean, s stays with its node
		fails int
		want  string
	}{
		"clean ones go to the next candidate": {patient, []int{1, 1, 0}, "cccc", -1, "0 after 0s, 1 after 0s, 2 after 0s, 2 after 0s"},
		"and wait if none has room":           {patient, []int{1, 1}, "ccccc", -1, "0 after 0s, 1 after 0s, 0 after 1s, 1 after 1s, 0 after 2s"},
		"for the one that has room first":     {patient, []int{1, 4}, "ccccc", -1, "0 after 0s, 1 after 0s, 1 after 250ms, 1 after 500ms, 1 after 750ms"},
		"others wait for their own node":      {patient, []int{1, 0}, "sssc", -1, "0 after 0s, 0 after 1s, 0 after 2s, 1 after 0s"},
		"unless it cannot be reached":         {patient, []int{1, 0}, "ssss", 0, "1 after 0s, 1 after 0s, 1 after 0s, 1 after 0s"},
		"a clean one does not wait for that":  {patient, []int{1, 1, 1}, "cccc", 0, "1 after 0s, 2 after 0s, 1 after 1s, 2 after 1s"},
		"the queue has a size":                {balancer.Queue{Size: 2, Time: time.Minute}, []int{1, 0}, "ssss", -1, "0 after 0s, 0 after 1s, 0 after 2s, node_busy after 0s"},
		"and a time":                          {balancer.Queue{Size: 9, Time: 2 * time.Second}, []int{1, 0}, "ssss", -1, "0 after 0s, 0 after 1s, 0 after 2s, node_busy after 0s"},
		"of clean ones, too":                  {balancer.Queue{Size: 1, Time: time.Minute}, []int{1, 1}, "ccccc", -1, "0 after 0s, 1 after 0s, 0 after 1s, 1 after 1s, node_busy after 0s"},
		"none waits without a queue":          {balancer.Queue{}, []int{1}, "cc", -1, "0 after 0s, node_busy after 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, nodes := rates(t, row.q, row.rates...)
				r := walker{time.Now(), nodes, time.Hour, row.fails}
				results := make([]string, len(row.stays))
				for i, kind := range row.stays {
					go func() { // ends with its walk
						w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), int64(time.Hour), Pause)
						if kind == 's' {
							w.Stay()
						}
						results[i] = r.run(&w)
					}()
					synctest.Wait() // it has come before the next
				}
				time.Sleep(time.Hour) //nolint:forbidigo // by the clock of the bubble
				synctest.Wait()
				if got := strings.Join(results, ", "); got != row.want {
					t.Errorf("%s\nwant %s", got, row.want)
				}
				for i, n := range nodes {
					if n.Waiting() != 0 {
						t.Errorf("%d wait for node %d after the end", n.Waiting(), i)
					}
				}
			})
		})
	}
}

// The time of the walk is for dialling: a wait in the queue does not use it up.
func TestAWaitIsNotTimeForDialling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, nodes := rates(t, patient, 1)
		r := walker{time.Now(), nodes, 0, -1}
		for range 20 {
			go func() { // ends with its walk
				w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), int64(5*time.Second), Pause)
				waits := r.run(&w)
				at := time.Since(r.began)
				if left := time.Duration(w.Until()) - at; left != 5*time.Second {
					t.Errorf("%s: %v are left to dial", waits, left)
				}
				w.Failed(silent)
				for _, pause := w.Next(int64(time.Since(r.began))); pause > 0; _, pause = w.Next(int64(time.Since(r.began))) {
					time.Sleep(pause) //nolint:forbidigo // by the clock of the bubble
				}
				w.Leave()
			}()
			synctest.Wait()
		}
		time.Sleep(time.Hour) //nolint:forbidigo // by the clock of the bubble
		synctest.Wait()
	})
}

// A session that waits for a node tries others when it gets worse.
func TestASessionDoesNotWaitForANodeThatIsNoLongerUp(t *testing.T) {
	for name, row := range map[string]struct {
		stays bool
		rates []int
		down  int
		want  string
	}{
		"clean": {false, []int{10, 1}, 0, "1 after "},
		"stays": {true, []int{1, 0}, 0, "1 after "},
		"alone": {true, []int{1}, 0, "0 after "}, // the last resort
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, nodes := rates(t, patient, row.rates...)
				r := walker{time.Now(), nodes, 0, -1}
				for range 30 {
					nodes[0].Admit()
				}
				for range 5 {
					if _, ok := nodes[0].Enqueue(0); !ok {
						t.Fatal("no room")
					}
				}
				if len(nodes) > 1 {
					nodes[1].Admit()
				}
				w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), int64(time.Hour), Pause)
				if row.stays {
					w.Stay()
				}
				node, pause := w.Next(0)
				if node != nodes[0] || pause == 0 || node.Open() != 1 {
					t.Fatalf("%v, %v", node, pause)
				}
				nodes[row.down].SetHealth(balancer.Down)
				if got := r.run(&w); !strings.HasPrefix(got, row.want) {
					t.Errorf("%s, want %s", got, row.want)
				}
				if n := nodes[0].Open(); n != 0 && len(nodes) > 1 {
					t.Errorf("%d sessions count on the node that is down", n)
				}
			})
		})
	}
}

func TestALeavingSessionGivesBackItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, nodes := rates(t, patient, 1)
		nodes[0].Admit()
		w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), 0, Pause)
		node, pause := w.Next(0)
		if node == nil || pause == 0 || !w.Queued() || node.Waiting() != 1 {
			t.Fatalf("%v, %v", node, pause)
		}
		w.Leave()
		node.Release()
		if w.Queued() || node.Waiting() != 0 {
			t.Errorf("%d wait", node.Waiting())
		}
		if w.Reason() != outcome.NoNode {
			t.Errorf("%v", w.Reason())
		}
	})
}

// A session that was told to come to a node waits there for a moment, in which others go elsewhere.
func TestSessionThatWasToldToComeWaitsForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, nodes := rates(t, patient, 1, 0)
		come := func(key uint64) string {
			w := New(p.Candidates(balancer.Client{Key: key, Keyed: true}), int64(time.Hour), Pause)
			r := walker{time.Now(), nodes, time.Hour, -1}
			return r.run(&w)
		}
		expect := func(step, want string) {
			t.Helper()
			if got := come(1); got != want {
				t.Errorf("%s: %s, want %s", step, got, want)
			}
		}
		expect("the first", "0 after 0s")
		expect("one that nobody expects", "1 after 0s")
		if !nodes[0].Expect(1) {
			t.Fatal("nobody may be told to come")
		}
		expect("it is expected", "0 after 1s")
		expect("again", "0 after 1s")
		var others []balancer.Turn
		for range 5 {
			turn, _ := nodes[0].Enqueue(0)
			others = append(others, turn)
		}
		expect("it would wait for long", "1 after 0s")
		for i := range others {
			others[i].Leave()
		}
		expect("the others have left", "0 after 1s")
		time.Sleep(3 * time.Minute) //nolint:forbidigo // by the clock of the bubble
		expect("later", "0 after 0s")
		expect("nobody expects it any more", "1 after 0s")
	})
}

// Those who are told to come are half as many as may come.
func TestSessionsAreToldToComeAtHalfTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, nodes := rates(t, patient, 100, 0)
		told := 0
		for range 1000 {
			if nodes[0].Expect(uint64(told)) {
				told++
			}
			time.Sleep(time.Millisecond) //nolint:forbidigo // by the clock of the bubble
		}
		if told < 50 || told > 55 {
			t.Errorf("%d were told in a second", told)
		}
		for range 1000 {
			if !nodes[1].Expect(1) {
				t.Fatal("a node without a rate has no room")
			}
		}
	})
}
