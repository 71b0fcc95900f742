package web

import (
	"testing"

	"mqttlb/balancer"
)

// Clients with a cookie go to a backup while no other node is up, or can be reached, and then home to the node that
// they had. A client that comes meanwhile gets a cookie, which leads to a node of the first tier later.
func TestClientsWithACookieComeHomeFromABackup(t *testing.T) {
	nodes := threeNodes(t)
	spec := balancer.PoolSpec{Name: "dashboard"}
	for _, n := range nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: n.name, Address: n.address, Backup: n.name == "c"})
	}
	r := startPool(t, spec, nodes, withCookie("lb"))
	clients, home := make([]*client, 20), make([]string, 20)
	came := func(i int) string { return clients[i].get("/").Node }
	for i := range clients {
		clients[i] = r.client()
		if home[i] = came(i); home[i] == "c" {
			t.Fatal("a client came to the backup")
		}
	}
	first, late := r.pool.Nodes()[:2], r.client()
	for _, n := range first {
		n.SetHealth(balancer.Down)
	}
	for i := range clients {
		if got := came(i); got != "c" {
			t.Errorf("with the first nodes down a client came to %s", got)
		}
	}
	if got := late.get("/").Node; got != "c" || late.cookie == nil {
		t.Errorf("a new client came to %s, with the cookie %v", got, late.cookie)
	}
	for _, n := range first {
		n.SetHealth(balancer.Up)
	}
	for i := range clients {
		if got := came(i); got != home[i] {
			t.Errorf("a client of %s came back to %s", home[i], got)
		}
	}
	if got := late.get("/").Node; got == "c" {
		t.Error("the late client stays on the backup")
	}
	for _, n := range nodes[:2] {
		n.kill()
	}
	if got := came(0); got != "c" {
		t.Errorf("with the first nodes killed, and up by their probes, a client came to %s", got)
	}
}
