package snapshot

import (
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/tlsterm"
)

func TestGatesOfTheNodesThatStayGoOn(t *testing.T) {
	tlsOf := func(names ...string) *NodeTLS {
		spec := balancer.PoolSpec{Name: "emqx"}
		o := tlsterm.NodeOptions{Hosts: make(map[string]string), Verify: tlsterm.VerifyNothing}
		for _, name := range names {
			spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: name, Address: "127.0.0.1:8883"})
			o.Hosts[name] = name
		}
		pool, err := balancer.NewPool(spec)
		if err != nil {
			t.Fatal(err)
		}
		originator, err := tlsterm.NewOriginator(o)
		if err != nil {
			t.Fatal(err)
		}
		return NewNodeTLS(originator, pool.Nodes())
	}
	old, next := tlsOf("a", "b"), tlsOf("c", "b")
	stays, gone := old.Gates["b"], old.Gates["a"]
	if err := stays.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	next.Inherit(old)
	if len(next.Gates) != 2 || next.Gates["b"] != stays || next.Gates["c"] == nil || next.Gates["c"] == gone {
		t.Errorf("%v after %v", next.Gates, old.Gates)
	}
	if got := next.Gates["b"].Counts().Running; got != 1 {
		t.Errorf("%d run at the gate that stays", got)
	}
	if len(old.Gates) != 2 || old.Gates["a"] != gone {
		t.Errorf("the old gates have changed: %v", old.Gates)
	}
	next.Inherit(nil)
	if next.Gates["b"] != stays {
		t.Error("a pool without TLS before has taken a gate away")
	}
}
