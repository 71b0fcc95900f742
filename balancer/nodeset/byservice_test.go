package nodeset

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer/dns"
)

func TestServiceRecordsAreNodes(t *testing.T) {
	nodes, err := serviceNodes([]dns.SRV{
		{Target: "b.example", Port: 1883, Priority: 10, Weight: 5},
		{Target: "a.example", Port: 1884, Priority: 10, Weight: 5}, // shares its target
		{Target: "a.example", Port: 1883, Priority: 10, Weight: 5},
		{Target: "c.example", Port: 1883, Priority: 20, Weight: 3},
		{Target: "c.example", Port: 1883, Priority: 30, Weight: 9}, // the same node again
	})
	var got []string
	for _, n := range nodes {
		got = append(got, fmt.Sprint(n.Name, " ", n.Host, " ", n.Port, " ", n.Priority, " ", n.Weight))
	}
	want := []string{"a.example:1883 a.example 1883 10 5", "a.example:1884 a.example 1884 10 5", "b.example b.example 1883 10 5", "c.example c.example 1883 20 3"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, wrong := range []dns.SRV{{Target: "a b", Port: 1}, {Target: "a.example"}} {
		if nodes, err := serviceNodes([]dns.SRV{wrong}); err == nil {
			t.Errorf("%+v is %+v", wrong, nodes)
		}
	}
	if nodes, err := serviceNodes([]dns.SRV{{Target: "."}}); err != nil || len(nodes) != 0 {
		t.Errorf("no such service: %v, %v", nodes, err)
	}
}

func TestWeightsOfRecordsKeepTheirProportions(t *testing.T) {
	for _, test := range []struct{ records, want []int }{
		{[]int{1, 2, 3}, []int{1, 2, 3}},
		{[]int{10, 256}, []int{10, 256}},
		{[]int{100, 65535}, []int{1, 256}},
		{[]int{1000, 2000, 4000}, []int{64, 128, 256}},
		{[]int{0, 0}, []int{1, 1}},   // all the same
		{[]int{0, 1}, []int{1, 256}}, // a very small share
		{[]int{0, 10, 20}, []int{1, 120, 240}},
		{[]int{0, 60000}, []int{1, 256}},
	} {
		var records []dns.SRV
		for i, w := range test.records {
			records = append(records, dns.SRV{Target: fmt.Sprint("n", i), Port: 1, Weight: uint16(w)},
				dns.SRV{Target: fmt.Sprint("o", i), Port: 1, Priority: 1, Weight: 65535}) // another priority does not matter
		}
		nodes, err := serviceNodes(records)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range test.want {
			if got := nodes[i]; got.Weight != want || got.Priority != 0 {
				t.Errorf("%v: %+v, want weight %d", test.records, got, want)
			}
		}
	}
}

func TestAServiceThatEndsKeepsItsNodesForItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newScripted()
		r.records[service] = []dns.SRV{{Target: "a.example", Port: 1883}}
		sets := watching(t, r, Watch{Source: Source{Pool: "emqx", Kind: SRV, Name: service}, EmptyGrace: time.Minute}, quiet)
		synctest.Wait()
		expect(t, sets, "a.example")
		r.change(func() { r.records[service] = []dns.SRV{{Target: "."}} })
		pass(50 * time.Second)
		expect(t, sets, "a.example")
		pass(30 * time.Second)
		expect(t, sets)
	})
}
