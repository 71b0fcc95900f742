package proxy

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// apply applies a changed snapshot.
func (r *rig) apply(settings ...setting) {
	r.t.Helper()
	if err := r.tryApply(settings...); err != nil {
		r.t.Fatal(err)
	}
}

// tryApply is apply for a change that may fail.
func (r *rig) tryApply(settings ...setting) error {
	r.t.Helper()
	snap := r.changed(settings...)
	if err := r.srv.Apply(snap); err != nil {
		return err
	}
	for _, ln := range r.snap.Listeners {
		if !hasListener(snap, ln.Name) {
			r.forgotten = true
		}
	}
	r.snap = snap
	return nil
}

func hasListener(s *snapshot.Snapshot, name string) bool {
	for _, ln := range s.Listeners {
		if ln.Name == name {
			return true
		}
	}
	return false
}

// changed returns the rig's snapshot with changes. All of it is new, as if read from a file.
func (r *rig) changed(settings ...setting) *snapshot.Snapshot {
	r.t.Helper()
	snap := *r.snap
	pools := map[*snapshot.Pool]*snapshot.Pool{nil: nil}
	again := func(p *snapshot.Pool) *snapshot.Pool {
		if pools[p] == nil && p != nil {
			c := *p
			c.Pool = rebuilt(r.t, p.Pool, func(*balancer.PoolSpec) {})
			pools[p] = &c
		}
		return pools[p]
	}
	snap.Listeners = nil
	for _, ln := range r.snap.Listeners {
		c := *ln
		c.Pool = again(c.Pool)
		c.Routes = append([]snapshot.Route(nil), c.Routes...)
		for i := range c.Routes {
			c.Routes[i].Pool = again(c.Routes[i].Pool)
		}
		snap.Listeners = append(snap.Listeners, &c)
	}
	for _, set := range settings {
		set(&snap)
	}
	for _, p := range poolsOf(&snap) {
		if before := p.TLS; before != nil {
			p.TLS = testNodeTLS(p.Nodes())
			p.TLS.Inherit(before)
		}
	}
	r.join(&snap)
	return &snap
}

// join has the nodes of a snapshot share the state of earlier ones.
func (r *rig) join(s *snapshot.Snapshot) {
	for _, p := range poolsOf(s) {
		r.registry.Join(p.Pool)
		r.nodes = append(r.nodes, p.Nodes()...)
	}
}

// poolsOf returns the pools of a snapshot, each once.
func poolsOf(s *snapshot.Snapshot) (pools []*snapshot.Pool) {
	seen := map[*snapshot.Pool]bool{nil: true}
	add := func(p *snapshot.Pool) {
		if !seen[p] {
			seen[p], pools = true, append(pools, p)
		}
	}
	for _, ln := range s.Listeners {
		add(ln.Pool)
		for i := range ln.Routes {
			add(ln.Routes[i].Pool)
		}
	}
	return pools
}

// rebuilt builds a pool anew from a changed spec.
func rebuilt(t *testing.T, p *balancer.Pool, change func(*balancer.PoolSpec)) *balancer.Pool {
	t.Helper()
	spec := balancer.PoolSpec{Name: p.Name, Algorithm: p.Algorithm, HashKey: p.HashKey}
	for _, n := range p.Nodes() {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: n.Name, Address: n.Address, Weight: n.Weight, MaxConnections: n.MaxConnections, ConnectRate: n.ConnectRate, Priority: int(n.Precedence.Priority), Backup: n.Precedence.Backup})
	}
	change(&spec)
	b, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pool changes the spec of the first listener's pool.
func (r *rig) pool(change func(*balancer.PoolSpec)) setting {
	return func(s *snapshot.Snapshot) {
		p := s.Listeners[0].Pool
		p.Pool = rebuilt(r.t, p.Pool, change)
	}
}

// on gives the first listener's pool other nodes, node-a and so on. An empty address leaves a node
// out.
func (r *rig) on(addresses ...string) setting {
	return r.pool(func(spec *balancer.PoolSpec) {
		spec.Nodes = nil
		for i, address := range addresses {
			if address != "" {
				spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: "node-" + string(rune('a'+i)), Address: address})
			}
		}
	})
}

// renamed gives the first listener another name.
func renamed(name string) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Name = name }
}

// at gives the first listener another address.
func at(network, address string) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Network, s.Listeners[0].Address = network, address }
}

// another adds a listener like the first one.
func another(name, network, address string) setting {
	return func(s *snapshot.Snapshot) {
		ln := *s.Listeners[0]
		ln.Name, ln.Network, ln.Address = name, network, address
		s.Listeners = append(s.Listeners, &ln)
	}
}

// onlyFirst removes all listeners but the first.
func onlyFirst(s *snapshot.Snapshot) { s.Listeners = s.Listeners[:1] }

// removedAt sets how many sessions a second leave removed nodes of the first listener's pool; 0: they
// stay.
func removedAt(perSecond int) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.RemovedNodesRate = perSecond }
}

// startShortWaits starts a server whose waits are short.
func startShortWaits(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	r := prepare(t, nodes, settings...)
	r.srv.waits = shortWaits
	r.run()
	return r
}

// onFreeAddress gives the first listener a free address that later listeners can bind again.
func onFreeAddress(t *testing.T) setting { return at("tcp", proxytest.FreeAddr(t, "127.0.0.1")) }

// listening returns the inodes of the process's sockets that listen on a TCP port, in order.
func listening(t *testing.T, port int) string {
	t.Helper()
	var inodes []string
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		b, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			if n, err := strconv.ParseUint(hex, 16, 16); err == nil && int(n) == port {
				inodes = append(inodes, f[9])
			}
		}
	}
	return strings.Join(inodes, " ")
}
