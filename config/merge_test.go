package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMergedKeysGiveWayToWrittenAndToEarlierOnes(t *testing.T) {
	c := parse(t, `
x-a: &a {interval: 3s, timeout: 1s}
x-b: &b {interval: 4s, fall: 7, <<: &c {rise: 9, fall: 8}}
x-list: &list [*a, *b]
x-admin: &admin {admin: {address: "off"}}
<<: *admin
listeners: [{name: a, address: ":1", pool: p}]
pools:
  - &p {name: p, health: {<<: *a}, nodes: [&n {name: n, address: "h:1", weight: 3}]}
  - {<<: *p, name: q, health: {timeout: 2s, <<: [*a, *b]}}
  - {health: {<<: [*b, *a], rise: 1}, <<: *p, name: r}
  - {name: s, health: {<<: *list}, nodes: [{name: o, <<: *n}, {<<: [*n, {weight: 9, max_connections: 4}], name: m, address: "h:2"}]}
`)
	if !c.Admin.Address.IsZero() {
		t.Errorf("admin is %s, want off", c.Admin.Address)
	}
	health := func(interval, timeout time.Duration, rise, fall int) Health {
		return Health{Probe: []Probe{ProbeTCP}, Interval: interval * time.Second, Timeout: timeout * time.Second, Rise: rise, Fall: fall}
	}
	for i, want := range []Health{health(3, 1, 2, 3), health(3, 2, 9, 7), health(4, 1, 1, 7), health(3, 1, 9, 7)} {
		if got := c.Pools[i].Health; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("pool %s: got %+v, want %+v", c.Pools[i].Name, got, want)
		}
	}
	h := func(port uint16) Address { return Address{Network: "tcp", Host: "h", Port: port} }
	for i, want := range []Node{{Name: "n", Address: h(1), Weight: 3, ConnectRate: RateOfPool}, {Name: "n", Address: h(1), Weight: 3, ConnectRate: RateOfPool}, {Name: "n", Address: h(1), Weight: 3, ConnectRate: RateOfPool}, {Name: "o", Address: h(1), Weight: 3, ConnectRate: RateOfPool}} {
		if got := c.Pools[i].Nodes[0]; got != want {
			t.Errorf("pool %s: got %+v, want %+v", c.Pools[i].Name, got, want)
		}
	}
	if got, want := c.Pools[3].Nodes[1], (Node{Name: "m", Address: h(2), Weight: 3, MaxConnections: 4, ConnectRate: RateOfPool}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Merged values are counted each time, so that a few lines cannot become billions of
// values.
func TestMergeBombsAreRefused(t *testing.T) {
	levels := "x-0: &m0 {rise: 1, fall: 2}\n"
	for i := range 30 {
		levels += fmt.Sprintf("x-%d: &m%d {<<: [*m%d, *m%d]}\n", i+1, i+1, i, i)
	}
	chain := "x-0: &m0 {rise: 1}\n"
	for i := range 17_000 {
		chain += fmt.Sprintf("x-%d: &m%d {<<: *m%d}\n", i+1, i+1, i)
	}
	wide := "x: &m {" + strings.Repeat("? [] : 1, ", 1000) + "}\n"
	const values, faults = "is one value too many", "is not read, and nothing after it"
	for name, c := range map[string]struct{ data, want string }{
		"doubled":            {levels + "pools: [{health: {<<: *m30}}]", values},
		"the same key":       {"x-0: &m {" + strings.Repeat("a: 1, ", 1000) + "}\npools: [{health: {<<: [" + strings.Repeat("*m, ", 1000) + "]}}]", faults},
		"nothing":            {"x-0: &m {}\npools: [{health: {<<: [" + strings.Repeat("*m, ", 240_000) + "]}}]", values},
		"a chain":            {chain + "pools: [" + strings.Repeat("{health: {<<: *m17000}}, ", 12) + "]", values},
		"keys that are none": {wide + "pools: [{health: {<<: [" + strings.Repeat("*m, ", 1000) + "]}}]", faults},
	} {
		_, err := Parse("f", []byte(c.data))
		var errs Errors
		if !errors.As(err, &errs) || len(errs) > maxErrors+10 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d errors, %.300v", name, len(errs), err)
		}
	}
}
