package walk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
)

// newPool returns a pool of n nodes.
func newPool(t *testing.T, n int) *balancer.Pool {
	t.Helper()
	spec := balancer.PoolSpec{Name: "p"}
	for i := range n {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: fmt.Sprint("n", i), Address: "127.0.0.1:1", MaxConnections: 1})
	}
	p, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// attempts are the results of successive attempts on one node; the last one repeats. nil
// means that the node is reached.
type attempts []error

var (
	full = attempts{} // a node at its limit of connections

	refused = syscall.ECONNREFUSED
	silent  = context.DeadlineExceeded

	// Of a node that has got the CONNECT.
	errClosed   = errors.New("closed before its answer")
	errAnswered = errors.New("refused for its own reasons, or silent")
)

// each is the duration of an attempt.
const each = time.Second

// drive walks to the end and returns the steps: the position of each tried candidate, each
// pause, and at the end "reached" or "none".
func drive(t *testing.T, w *Walk, fates []attempts) string {
	t.Helper()
	var steps []string
	place, next := map[*balancer.Node]int{}, w.candidates
	for n := next.Next(); n != nil; n = next.Next() {
		place[n] = len(place)
		if len(fates[place[n]]) == 0 {
			n.Acquire()
		}
	}
	tried := map[*balancer.Node]int{}
	for now, begun := int64(0), time.Now(); time.Since(begun) < time.Minute; {
		node, pause := w.Next(now)
		switch {
		case pause > 0:
			if pause > Pause {
				t.Errorf("a pause of %v", pause)
			}
			if _, left := w.Next(now + int64(pause) - 1); left != 1 {
				t.Errorf("%v are left of a pause 1 ns before its end", left)
			}
			steps, now = append(steps, "pause"), now+int64(pause)
			continue
		case node == nil:
			if again, pause := w.Next(now); again != nil || pause != 0 {
				t.Errorf("after the end: %v, %v", again, pause)
			}
			return strings.Join(append(steps, "none"), " ")
		}
		if node.Open() != 1 {
			t.Error("the node does not count the session")
		}
		steps = append(steps, fmt.Sprint(place[node]))
		fate := fates[place[node]]
		err := fate[min(tried[node], len(fate)-1)]
		if err == nil {
			return strings.Join(append(steps, "reached"), " ")
		}
		tried[node]++
		node.Release()
		if now += int64(each); err == errClosed || err == errAnswered {
			w.TurnedAway(err == errClosed)
		} else {
			w.Failed(err)
		}
	}
	t.Fatalf("it does not end: %v", steps[:100])
	return ""
}

func TestWalk(t *testing.T) {
	const long = int64(time.Hour)
	for name, row := range map[string]struct {
		fates []attempts
		until int64
		steps string
		want  outcome.Outcome
		late  bool
	}{
		"the first candidate takes the session":     {[]attempts{{nil}, {nil}}, long, "0 reached", outcome.NoNode, false},
		"the next one does after a failure":         {[]attempts{{refused}, {nil}}, long, "0 1 reached", outcome.DialFailed, false},
		"nodes that refuse are tried once":          {[]attempts{{refused}, {refused}}, long, "0 1 none", outcome.DialFailed, false},
		"full nodes are passed over":                {[]attempts{full, {nil}}, long, "1 reached", outcome.NodesFull, false},
		"full nodes are not waited for":             {[]attempts{full, full}, long, "none", outcome.NodesFull, false},
		"a failure says more than a full node":      {[]attempts{{refused}, full}, long, "0 none", outcome.DialFailed, false},
		"a silent node is tried again":              {[]attempts{{silent, silent, nil}}, long, "0 pause 0 pause 0 reached", outcome.DialFailed, false},
		"and those that refuse with it":             {[]attempts{{silent, nil}, {refused}}, long, "0 1 pause 0 reached", outcome.DialFailed, false},
		"until none is silent any more":             {[]attempts{{silent, refused}, {refused}}, long, "0 1 pause 0 1 none", outcome.DialFailed, false},
		"a silent node is tried once without time":  {[]attempts{{silent}, {silent}}, 0, "0 1 none", outcome.DialFailed, false},
		"time ends it between two candidates":       {[]attempts{{silent}, {silent}}, int64(each), "0 none", outcome.DialFailed, true},
		"time ends it before another walk":          {[]attempts{{silent}}, int64(each) + 1, "0 none", outcome.DialFailed, true},
		"time ends it after another walk":           {[]attempts{{silent}}, int64(2*each) + 1, "0 pause 0 none", outcome.DialFailed, true},
		"a node that has closed is asked again":     {[]attempts{{errClosed, nil}}, long, "0 pause 0 reached", outcome.NoNode, false},
		"but not for ever":                          {[]attempts{{errClosed}, {errClosed}}, long, "0 1 pause 0 1 pause 0 1 none", outcome.NoNode, false},
		"and those that are not reached with it":    {[]attempts{{errClosed, refused, nil}, {refused}}, long, "0 1 pause 0 1 none", outcome.DialFailed, false},
		"a refusal is an answer":                    {[]attempts{{errAnswered}}, long, "0 none", outcome.NoNode, false},
		"after a node has closed, too":              {[]attempts{{errClosed}, {errAnswered}}, long, "0 1 none", outcome.NoNode, false},
		"and before another one does":               {[]attempts{{errAnswered}, {errClosed}}, long, "0 1 none", outcome.NoNode, false},
		"time ends it before a node is asked again": {[]attempts{{errClosed}}, int64(each) + 1, "0 none", outcome.NoNode, true},
		"and no time means once":                    {[]attempts{{errClosed}}, 0, "0 none", outcome.NoNode, false},
		"an upgrade that is refused":                {[]attempts{{refused}, {errRefusedUpgrade}}, long, "0 1 none", outcome.UpgradeRefused, false},
		"want of ports is of one node":              {[]attempts{{syscall.EADDRNOTAVAIL}, {nil}}, long, "0 1 reached", outcome.PortsExceeded, false},
		"want of descriptors is of all":             {[]attempts{{syscall.EMFILE}, {nil}}, long, "0 none", outcome.DescriptorsExceeded, false},
		"and ends it after a silent node, too":      {[]attempts{{silent}, {syscall.EMFILE}}, long, "0 1 none", outcome.DescriptorsExceeded, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(newPool(t, len(row.fates)).Candidates(balancer.Client{Key: 1, Keyed: true}), row.until, Pause)
			if steps := drive(t, &w, row.fates); steps != row.steps {
				t.Errorf("%s, want %s", steps, row.steps)
			}
			if w.Reason() != row.want || w.Late() != row.late {
				t.Errorf("%v, late %v; want %v, %v", w.Reason(), w.Late(), row.want, row.late)
			}
		})
	}
}

func TestWalkWithoutNodes(t *testing.T) {
	p := newPool(t, 1)
	p.Nodes()[0].SetOperator(balancer.Down)
	w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), int64(time.Hour), Pause)
	if node, pause := w.Next(0); node != nil || pause != 0 || w.Reason() != outcome.NoNode {
		t.Errorf("%v, %v, %v", node, pause, w.Reason())
	}
}

func TestWalkAllocatesNothing(t *testing.T) {
	p := newPool(t, 3)
	if n := testing.AllocsPerRun(100, func() {
		w := New(p.Candidates(balancer.Client{Key: 1, Keyed: true}), int64(time.Hour), Pause)
		for now := int64(0); now < int64(time.Minute); now += int64(time.Second) {
			if node, _ := w.Next(now); node != nil {
				node.Release()
				w.Failed(silent)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Clients that a node has closed must not multiply: there are few pauses, and each is longer than the last.
func TestPausesAfterNodesThatCloseGrow(t *testing.T) {
	for range 100 {
		w := New(newPool(t, 1).Candidates(balancer.Client{Key: 1, Keyed: true}), int64(time.Hour), Pause)
		var pauses []time.Duration
		for now := int64(0); ; {
			node, pause := w.Next(now)
			if now += int64(pause); pause > 0 {
				pauses = append(pauses, pause)
				continue
			}
			if node == nil {
				break
			}
			node.Release()
			w.TurnedAway(true)
		}
		if len(pauses) != mostRepeats {
			t.Fatalf("%v", pauses)
		}
		for i, pause := range pauses {
			if least := closedPause << i; pause < least || pause >= 2*least {
				t.Fatalf("pause %d is %v", i, pause)
			}
		}
	}
}
