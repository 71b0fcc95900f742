package main_test

import (
	"os/exec"
	"testing"
)

// While no resolver answers, mqttlb starts and is ready, and clients of nodes with IP addresses have them at once. The look-up
// of the other name takes 8 s, and says that it has failed in the log.
func TestADNSOutageDoesNotDelayTheStart(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	before, asked := startSilentDNS(t, r.dir, "127.0.0.78")
	broker := startMosquitto(t, "a")
	r.nodes = nodes(broker) + "      - {name: silent, address: \"silent.example:1883\"}\n"
	r.put(t)
	r.process = start(t, "mqttlb", exec.Command("unshare", "-m", "sh", "-c", before+` && exec "$0" "$@"`, builtBinary(t), "serve", "-c", r.config))
	r.waitReady(t)
	<-asked
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} { // one or the other belongs to the silent node
		join(t, r.addrs["mqtt"], "", 5, id).disconnect(t)
	}
	if lines := r.said("host name does not resolve"); len(lines) > 0 {
		t.Errorf("the clients had to wait for the look-up: %s", lines)
	}
}
