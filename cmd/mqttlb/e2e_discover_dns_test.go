package main_test

import (
	"slices"
	"strings"
	"testing"

	"mqttlb/balancer/dns/dnstest"
)

const headless = "emqx-headless.default.svc"

// setPods sets the records of a headless service and of its pods, as CoreDNS has them.
func setPods(s *dnstest.Server, ordinals map[string]string) {
	var all []string
	for ip, ordinal := range ordinals {
		s.Set(dnstest.Reverse(ip), "1 PTR "+ordinal+"."+headless+".cluster.local.")
		all = append(all, "1 A "+ip)
	}
	slices.Sort(all)
	s.Set(headless, all...)
}

// A DNS server changes, fails, refuses, empties and comes back; two mqttlb agree all the while.
func TestPodsOfAHeadlessServiceAreDiscovered(t *testing.T) {
	t.Parallel()
	addrs, port := podsAt(t, "127.0.41.1", "127.0.41.2", "127.0.41.3", "127.0.41.9")
	var pods []*pod
	for i, name := range []string{"emqx-0", "emqx-1", "emqx-2"} {
		pods = append(pods, startPod(t, name, addrs[i]))
	}
	server := dnstest.Start(t)
	setPods(server, map[string]string{"127.0.41.1": "emqx-0", "127.0.41.2": "emqx-1", "127.0.41.3": "emqx-2"})
	pool := "    discover: {dns: " + headless + ", port: " + port + "}\n"
	r, replica := newDiscovering(t, server, pool), newDiscovering(t, server, pool)
	r.run(t)
	replica.run(t)
	name := func(ordinal string) string { return ordinal + "." + headless + ".cluster.local" }
	r.waitNodes(t, name("emqx-0")+" "+addrs[0], name("emqx-1")+" "+addrs[1], name("emqx-2")+" "+addrs[2])

	all := ids("client", 60)
	sessions := map[string]*wire{}
	for _, id := range all {
		sessions[id] = join(t, r.addrs["mqtt"], "", 5, id)
	}
	was := homesOf(t, pods, all)
	agree := func() {
		t.Helper()
		for _, id := range all {
			before := was[id].count(id)
			join(t, replica.addrs["mqtt"], "", 5, id).disconnect(t)
			if was[id].count(id) != before+1 {
				t.Errorf("the replica sends %s to another node than %s", id, was[id].name)
			}
		}
	}
	agree()

	t.Log("a pod gets another address")
	pods[1].stop()
	pods[1].listen(t, addrs[3])
	setPods(server, map[string]string{"127.0.41.1": "emqx-0", "127.0.41.9": "emqx-1", "127.0.41.3": "emqx-2"})
	for _, b := range []*reloadee{r, replica} {
		b.waitNodes(t, name("emqx-0")+" "+addrs[0], name("emqx-1")+" "+addrs[3], name("emqx-2")+" "+addrs[2])
	}
	for _, id := range all {
		if was[id] != pods[1] {
			continue
		}
		sessions[id].waitClosed(t)
		sessions[id] = join(t, r.addrs["mqtt"], "", 5, id)
	}
	for id, home := range homesOf(t, pods, all) {
		if home != was[id] {
			t.Errorf("%s has moved from %s to %s", id, was[id].name, home.name)
		}
	}
	agree()

	t.Log("the server fails, refuses and empties")
	for _, behavior := range []dnstest.Behavior{dnstest.ServFail, dnstest.Refuse, dnstest.Silent} {
		server.Behave(behavior)
		r.waitAlarm(t, "discovery_failed", true)
		replica.waitAlarm(t, "discovery_failed", true)
		agree()
		server.Behave(dnstest.Answer)
		r.waitAlarm(t, "discovery_failed", false)
	}
	server.Behave(dnstest.NXDomain, headless)
	r.waitAlarm(t, "discovery_empty", true)
	replica.waitAlarm(t, "discovery_empty", true)
	agree()
	server.Behave(dnstest.Answer, headless)
	r.waitAlarm(t, "discovery_empty", false)
	replica.waitAlarm(t, "discovery_empty", false)

	t.Log("a pod disappears, and its sessions leave")
	setPods(server, map[string]string{"127.0.41.1": "emqx-0", "127.0.41.9": "emqx-1"})
	for _, b := range []*reloadee{r, replica} {
		b.waitNodes(t, name("emqx-0")+" "+addrs[0], name("emqx-1")+" "+addrs[3])
	}
	for _, id := range all {
		if was[id] == pods[2] {
			if err := sessions[id].hearsOfAnotherServer(); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			sessions[id] = join(t, r.addrs["mqtt"], "", 5, id)
		}
	}
	now := homesOf(t, pods, all)
	for id, home := range now {
		if was[id] != pods[2] && home != was[id] || home == pods[2] {
			t.Errorf("%s has moved from %s to %s", id, was[id].name, home.name)
		}
	}
	was, now = now, was
	agree()
	r.waitFor(t, `"msg":"the nodes of the pool have changed"`, `"removed":["`+name("emqx-2")+`"]`)

	t.Log("it comes back")
	setPods(server, map[string]string{"127.0.41.1": "emqx-0", "127.0.41.9": "emqx-1", "127.0.41.3": "emqx-2"})
	replica.waitNodes(t, name("emqx-0")+" "+addrs[0], name("emqx-1")+" "+addrs[3], name("emqx-2")+" "+addrs[2])
	was = now
	agree()
	m := r.metrics(t)
	if m.sum(t, "mqttlb_config_reloads_total") != 0 || m.sum(t, "mqttlb_discovery_nodes", `source="dns"`) < 2 || m.sum(t, "mqttlb_discovery_failures_total") < 3 {
		t.Error("the metrics count changes of nodes as reloads, or not at all")
	}
	if out, _ := r.ctl(t, "nodes"); !strings.Contains(out, "dns "+headless) {
		t.Errorf("ctl nodes does not say where the nodes come from:\n%s", out)
	}
}

// A client that comes before the nodes are known waits for them.
func TestClientsWaitForTheFirstNodes(t *testing.T) {
	t.Parallel()
	addrs, port := podsAt(t, "127.0.42.1")
	p := startPod(t, "10.0.0.1", addrs[0])
	server := dnstest.Start(t)
	server.Behave(dnstest.Silent)
	r := newDiscovering(t, server, "    discover: {dns: emqx.example., port: "+port+"}\n")
	r.startWith(t, "umask 0", "serve", "-c", r.config)
	r.waitFor(t, `"msg":"listening"`)
	joined := make(chan error, 1)
	go func() { // ends with the test
		_, err := tryJoin(r.addrs["mqtt"], "", 5, "early")
		joined <- err
	}()
	eventually(t, "a session", func() bool { return r.metrics(t).sum(t, "mqttlb_connections_open") == 1 })
	if code, text := r.readyz(); code != 503 {
		t.Errorf("ready without a node: %d %s", code, text)
	}
	server.Set("emqx.example", "1 A 127.0.42.1")
	server.Behave(dnstest.Answer)
	if err := <-joined; err != nil {
		t.Errorf("%v\n%s", err, r.tail(20))
	}
	r.waitReady(t)
	if !p.has("early") {
		t.Error("the client is not on the node")
	}
	r.waitNodes(t, "127.0.42.1 "+addrs[0])
}
