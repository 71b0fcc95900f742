package balancer

import (
	"strings"
	"testing"
)

func TestPoolNamesEveryFaultOfItsSpec(t *testing.T) {
	_, err := NewPool(PoolSpec{Name: "emqx", HashKey: NoKey, Nodes: []NodeSpec{
		{Name: "", Address: "127.0.0.1:1"},
		{Name: "a", Address: "127.0.0.1"},
		{Name: "a", Address: "127.0.0.1:0"},
		{Name: "b", Address: ":1883"},
		{Name: "c", Address: "127.0.0.1:mqtt"},
		{Name: "d", Address: "127.0.0.1:65536"},
		{Name: "e", Address: "127.0.0.1:1", Weight: -1},
		{Name: "f", Address: "127.0.0.1:1", Weight: MaxWeight + 1},
		{Name: "g", Address: "127.0.0.1:1", MaxConnections: -1},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`pool "emqx": algorithm consistent_hash needs a hash_key`,
		`pool "emqx": node 1 has no name`,
		`pool "emqx": node "a": address "127.0.0.1" is not host:port`,
		`pool "emqx": two nodes are named "a"`,
		`pool "emqx": node "a": address "127.0.0.1:0": the port is not a number from 1 to 65535`,
		`pool "emqx": node "b": address ":1883" has no host`,
		`pool "emqx": node "c": address "127.0.0.1:mqtt": the port`,
		`pool "emqx": node "d": address "127.0.0.1:65536": the port`,
		`pool "emqx": node "e": weight -1 is not from 1 to 256`,
		`pool "emqx": node "f": weight 257 is not from 1 to 256`,
		`pool "emqx": node "g": max_connections -1 is negative`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 11 {
		t.Errorf("%d faults, want 11:\n%v", got, err)
	}
}

func TestPoolOfAnUnknownAlgorithmIsRefused(t *testing.T) {
	nodes := []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}}
	if _, err := NewPool(PoolSpec{Name: "x", Algorithm: 99, Nodes: nodes}); err == nil {
		t.Error("a pool of an unknown algorithm was built")
	}
}

func TestPoolKeepsTheOrderOfTheConfiguration(t *testing.T) {
	p := newPool(t, RoundRobin, "c:3", "a", "b:2")
	for i, want := range []string{"c", "a", "b"} {
		if n := p.Nodes()[i]; n.Name != want {
			t.Errorf("node %d is %s, want %s", i, n.Name, want)
		}
	}
	if p.Nodes()[1].Weight != 1 {
		t.Error("weight 0 does not mean 1")
	}
}

func TestPoolSaysWhichKeyItHashes(t *testing.T) {
	nodes := []NodeSpec{{Name: "a", Address: "127.0.0.1:1"}}
	for _, tt := range []struct {
		algorithm Algorithm
		want      HashKey
	}{
		{ConsistentHash, ByUsername},
		{SourceIP, BySourceIP},
		{LeastConnections, NoKey},
		{RoundRobin, NoKey},
		{RandomTwo, NoKey},
	} {
		p, err := NewPool(PoolSpec{Algorithm: tt.algorithm, HashKey: ByUsername, Nodes: nodes})
		if err != nil {
			t.Fatal(err)
		}
		if p.HashKey != tt.want {
			t.Errorf("%v hashes %v, want %v", tt.algorithm, p.HashKey, tt.want)
		}
	}
}

func TestWordsOfTheConfiguration(t *testing.T) {
	for a := ConsistentHash; a <= SourceIP; a++ {
		if got, err := ParseAlgorithm(a.String()); err != nil || got != a {
			t.Errorf("%v reads back as %v, %v", a, got, err)
		}
	}
	for k := ByClientID; k < NoKey; k++ {
		if got, err := ParseHashKey(k.String()); err != nil || got != k {
			t.Errorf("%v reads back as %v, %v", k, got, err)
		}
	}
	_, err := ParseAlgorithm("leastconn")
	if err == nil || !strings.Contains(err.Error(), `algorithm "leastconn" is unknown; it is one of consistent_hash, least_connections`) {
		t.Errorf("error %v", err)
	}
	if _, err := ParseHashKey("none"); err == nil {
		t.Error("none is not a word of the configuration")
	}
}
