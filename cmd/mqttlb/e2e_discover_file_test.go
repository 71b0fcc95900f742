package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/balancer/dns/dnstest"
)

// nodeFile is the text of a file of nodes.
func nodeFile(pods ...*pod) string {
	text := "nodes:\n"
	for _, p := range pods {
		text += fmt.Sprintf("- {name: %s, address: %q}\n", p.name, p.addr)
	}
	return text
}

// A script replaces the file by renaming, a ConfigMap by a link. A broken file changes nothing.
func TestTheNodesOfAFileAreWatched(t *testing.T) {
	t.Parallel()
	addrs, _ := podsAt(t, "127.0.43.1", "127.0.43.2")
	a, b := startPod(t, "a", addrs[0]), startPod(t, "b", addrs[1])
	r := newDiscovering(t, dnstest.Start(t), "    discover: {file: DIR/nodes.yaml}\n")
	file := filepath.Join(r.dir, "nodes.yaml")
	replace := func(name, text string) {
		t.Helper()
		next := filepath.Join(r.dir, name)
		putFile(t, next, text, 0o644)
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := mqttlb(t, "check", r.config); code != 0 || !strings.Contains(out, "warning: ") || !strings.Contains(out, "nodes.yaml") {
		t.Errorf("check without the file: exit code %d\n%s", code, out)
	}
	replace("next", nodeFile(a))
	r.run(t)
	r.waitNodes(t, "a "+a.addr)
	one := join(t, r.addrs["mqtt"], "", 5, "one")

	t.Log("renamed")
	replace("next", nodeFile(a, b))
	r.waitNodes(t, "a "+a.addr, "b "+b.addr)

	t.Log("broken")
	replace("next", "nodes:\n- {name: a, adress: 3}\n")
	r.waitAlarm(t, "discovery_failed", true)
	r.waitFor(t, file+`:2:13: nodes[0]: unknown key`, "those that are known stay")
	if out, code := r.ctl(t, "alarms"); code != 0 || !strings.Contains(out, `unknown key "adress"`) || strings.Contains(out, `\n`) {
		t.Errorf("ctl alarms: exit code %d\n%s", code, out)
	}
	r.waitNodes(t, "a "+a.addr, "b "+b.addr)
	if out, code := mqttlb(t, "check", r.config); code != 1 || !strings.Contains(out, "nodes.yaml:2:13: ") {
		t.Errorf("check with a broken file: exit code %d\n%s", code, out)
	}

	t.Log("by a link, without the node of the session")
	putFile(t, filepath.Join(r.dir, "v2.yaml"), nodeFile(b), 0o644)
	if err := os.Symlink("v2.yaml", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(r.dir, "link"), file); err != nil {
		t.Fatal(err)
	}
	r.waitNodes(t, "b "+b.addr)
	if err := one.hearsOfAnotherServer(); err != nil {
		t.Error(err)
	}
	r.waitAlarm(t, "discovery_failed", false)
	join(t, r.addrs["mqtt"], "", 5, "one")
	if !b.has("one") {
		t.Error("the session is not on the node that is left")
	}

	t.Log("removed, and a reload of the same configuration")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.waitAlarm(t, "discovery_failed", true)
	r.mustReload(t)
	r.waitNodes(t, "b "+b.addr)
}

// Records have ports, weights and priorities; later priorities are used when no earlier node is up.
func TestServiceRecordsAreDiscovered(t *testing.T) {
	t.Parallel()
	addrs, port := podsAt(t, "127.0.44.1", "127.0.44.2", "127.0.44.3")
	var pods []*pod
	server := dnstest.Start(t)
	for i, name := range []string{"a.example", "b.example", "c.example"} {
		pods = append(pods, startPod(t, name, addrs[i]))
		server.Set(name, "1 A 127.0.44."+fmt.Sprint(i+1))
	}
	server.Set("_mqtt._tcp.example", "1 SRV 10 1000 "+port+" a.example.", "1 SRV 10 3000 "+port+" b.example.", "1 SRV 20 0 "+port+" c.example.")
	r := newDiscovering(t, server, "    discover: {srv: _mqtt._tcp.example}\n")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, r.config, strings.Replace(string(text), "{probe: none}", "{interval: 500ms, rise: 1, fall: 4}", 1), 0o644)
	r.run(t)
	r.waitNodes(t, "a.example a.example:"+port, "b.example b.example:"+port, "c.example c.example:"+port)
	if out, _ := r.ctl(t, "nodes", "--json"); !strings.Contains(out, `"weight":85,`) || !strings.Contains(out, `"weight":256,`) {
		t.Errorf("the weights are not those of the records:\n%s", out)
	}
	all := ids("client", 30)
	for _, id := range all {
		join(t, r.addrs["mqtt"], "", 5, id)
	}
	for id, home := range homesOf(t, pods, all) {
		if home == pods[2] {
			t.Errorf("%s is on a node of a later priority", id)
		}
	}
	pods[0].stop()
	pods[1].stop()
	eventually(t, "both nodes are down", func() bool {
		out, _ := r.ctl(t, "alarms")
		return strings.Contains(out, "brokers/a.example") && strings.Contains(out, "brokers/b.example")
	})
	for _, id := range all {
		join(t, r.addrs["mqtt"], "", 5, id)
		if !pods[2].has(id) {
			t.Errorf("%s is not on the node of the later priority", id)
		}
	}
}
