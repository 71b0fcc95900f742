package main_test

import (
	"testing"

	v5 "github.com/eclipse/paho.golang/packets"
)

// Two brokers without a cluster. A second one is added, and clients that come again and whose home it is lose the session
// that they still have on the first one. It publishes their Wills, as Mosquitto does at a takeover of its own.
func TestAClientOfBrokersWithoutAClusterHasOneSession(t *testing.T) {
	t.Parallel()
	const clients = 20
	brokers := startMosquittos(t, 2)
	setting := "    takeover: local\n"
	r := serveReloadable(t, nodes(brokers[0])+setting)
	all := ids("client", clients)
	old, told := map[string]*wire{}, map[string]bool{}
	for i, id := range all {
		old[id] = join(t, r.addrs["mqtt"], "", 3+byte(i%3), id)
	}
	r.nodes = nodes(brokers...) + setting
	r.put(t)
	r.mustReload(t)
	for i, id := range all {
		again := join(t, r.addrs["mqtt"], "", 3+byte(i%3), id)
		if w := old[id]; w.version == 5 {
			if p, err := v5.ReadPacket(w.in); err == nil { // Mosquitto says nothing to a client that comes back to it
				d, ok := p.Content.(*v5.Disconnect)
				told[id] = ok && d.ReasonCode == v5.DisconnectSessionTakenOver
			}
		}
		old[id].waitClosed(t) // by Mosquitto, if its client has come back to it
		if err := again.ping(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	var moved int
	eventually(t, "both brokers to have written their log", func() bool {
		moved = len(brokers[1].connects())
		total := moved
		for _, n := range brokers[0].connects() {
			total += n
		}
		return total == 2*clients
	})
	if moved == 0 || moved == clients {
		t.Fatalf("%d of %d clients have moved", moved, clients)
	}
	ended := map[string]int{}
	for _, s := range r.sessionsEnded(t, clients) {
		if ended[s.Outcome]++; s.Version == "5" && told[s.ClientID] != (s.Outcome == "taken_over") {
			t.Errorf("%s was told in a DISCONNECT: %t; its line is %+v", s.ClientID, told[s.ClientID], s)
		}
	}
	if ended["taken_over"] != moved || ended["server_closed"] != clients-moved {
		t.Errorf("%d clients have moved; the sessions ended so: %v", moved, ended)
	}
}
