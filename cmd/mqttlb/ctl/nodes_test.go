package ctl

import (
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

func TestANodeThatIsNotDiscoveredHasNoSource(t *testing.T) {
	in := func(source string) []api.NodeInPool { return []api.NodeInPool{{Pool: "p", Source: source}} }
	table := nodeTable([]api.Node{{Name: "a", Pools: in("dns a.example")}, {Name: "b", Pools: in("")}, {Name: "c"}}, time.Now())
	for i, want := range []string{"dns a.example", "-", "-"} {
		if got := table.rows[i][6].text; got != want {
			t.Errorf("row %d has the source %q, want %q", i, got, want)
		}
	}
}
