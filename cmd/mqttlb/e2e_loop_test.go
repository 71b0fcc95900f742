package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A node that is a listener of the same process is an error if its address is written, and a warning of check if its host name
// leads there. serve gives it no sessions.
func TestANodeThatIsAListenerOfTheSameProcessIsFound(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	hosts := filepath.Join(r.dir, "hosts")
	putFile(t, hosts, "127.0.0.1 self.example\n", 0o644)
	named := func(args ...string) *exec.Cmd { // where self.example is this host
		before := "mount --bind " + hosts + " /etc/hosts"
		if out, err := exec.Command("unshare", "-m", "sh", "-c", before).CombinedOutput(); err != nil {
			t.Skipf("needs the right to mount: %v\n%s", err, out)
		}
		return exec.Command("unshare", append([]string{"-m", "sh", "-c", before + ` && exec "$0" "$@"`, builtBinary(t)}, args...)...)
	}
	r.process = start(t, "mqttlb", named("serve", "-c", r.config))
	r.waitReady(t)
	_, port, _ := strings.Cut(r.addrs["mqtt"], ":")
	self := func(host string) string {
		return nodes(broker) + "      - {name: self, address: \"" + host + ":" + port + "\"}\n"
	}
	for _, host := range []string{"127.0.0.1", "localhost"} {
		r.nodes = self(host)
		r.put(t)
		if out, code := mqttlb(t, "check", r.config); code != 1 || !strings.Contains(out, `of listener "mqtt" of this process`) {
			t.Errorf("check of %s: exit code %d\n%s", host, code, out)
		}
		if out, code := r.reload(t); code == 0 {
			t.Errorf("a reload with %s:\n%s", host, out)
		}
	}
	r.nodes = self("self.example")
	r.put(t)
	if out, err := named("check", r.config).CombinedOutput(); err != nil || !strings.Contains(string(out), `node "self": self.example resolves to 127.0.0.1 here, the address of listener "mqtt" of this process`) {
		t.Errorf("check: %v\n%s", err, out)
	}
	r.mustReload(t)
	before := r.metrics(t).sum(t, "mqttlb_connections_accepted_total", `listener="mqtt"`)
	for _, id := range ids("client", 16) {
		join(t, r.addrs["mqtt"], "", 5, id).disconnect(t)
	}
	if n := r.metrics(t).sum(t, "mqttlb_connections_accepted_total", `listener="mqtt"`) - before; n != 16 {
		t.Errorf("16 clients have become %v connections", n)
	}
	r.waitFor(t, `"level":"WARN"`, "node is a listener of this process", `"node":"self"`, `"listener":"mqtt"`, `"setting":"pools[].nodes[].address"`)
}
