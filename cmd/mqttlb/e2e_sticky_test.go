package main_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

const threeBrokers = `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    algorithm: consistent_hash
    health: {probe: none}
    nodes:
`

func TestAClientKeepsItsNodeOverReconnectsReplicasAndRestarts(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 3)
	one := serve(t, threeBrokers+nodes(brokers...))
	slices.Reverse(brokers)
	other := serve(t, threeBrokers+nodes(brokers...)) // the same nodes in another order
	clients := ids("device", 30)

	visit := func(b *balancer) {
		for i, id := range clients {
			version := []byte{3, 4, 5}[i%3]
			join(t, b.addrs["mqtt"], "", version, id).Close()
		}
	}
	visit(one)
	visit(one)
	visit(other)
	one.kill()
	one.start(t, "")
	one.waitReady(t)
	visit(one)

	used := map[*mosquitto]bool{}
	for _, home := range homes(t, brokers, clients, 4) {
		used[home] = true
	}
	if len(used) != len(brokers) {
		t.Errorf("%d clients are on %d of %d nodes", len(clients), len(used), len(brokers))
	}
}

func TestAPersistentSessionFindsItsQueuedMessages(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 3)
	b := serve(t, threeBrokers+nodes(brokers...))
	for _, version := range []byte{4, 5} {
		for _, id := range ids("durable-"+versionName(version), 6) {
			config := clientConfig{addr: b.addrs["mqtt"], id: id, persistent: true}
			first := connectClient(t, version, config)
			first.subscribe(t, "orders/"+id)
			first.disconnect(t)

			// The brokers are no cluster: each knows only its own clients.
			home := homes(t, brokers, []string{id}, 1)[id]
			for _, m := range brokers {
				publisher := connectClient(t, version, clientConfig{addr: m.addr, id: "publisher-" + id})
				publisher.publish(t, "orders/"+id, []byte("queued on "+m.name))
				publisher.disconnect(t)
			}

			second := connectClient(t, version, config)
			if !second.sessionPresent() {
				t.Errorf("%s (%s): no session was present after the reconnect", id, versionName(version))
			}
			if got, want := string(receive(t, second).payload), "queued on "+home.name; got != want {
				t.Errorf("%s (%s): got %q, want %q", id, versionName(version), got, want)
			}
			second.disconnect(t)
		}
	}
}

// One broker of three gets kill -9 under 2,000 sessions. Its clients are closed,
// reconnect and land on the others. No other client is affected.
func TestAKilledBrokerMovesItsOwnClientsOnly(t *testing.T) {
	t.Parallel()
	const sessions = 2000
	brokers := startMosquittos(t, 3)
	b := configure(t, threeBrokers+nodes(brokers...))
	b.start(t, "ulimit -Sn 1024") // two descriptors a session: mqttlb raises the limit itself
	b.waitReady(t)

	clients := make([]*wire, sessions)
	names := ids("sensor", sessions)
	joinAll(t, b.addrs["mqtt"], names, clients)
	home := homes(t, brokers, names, 1)
	dead := brokers[1]
	var moving []string
	for _, id := range names {
		if home[id] == dead {
			moving = append(moving, id)
		}
	}
	if len(moving) < sessions/4 {
		t.Fatalf("only %d of %d clients are on the node that will die", len(moving), sessions)
	}

	dead.kill()
	for i, id := range names {
		if home[id] == dead {
			clients[i].waitClosed(t)
		}
	}
	back := make([]*wire, len(moving))
	joinAll(t, b.addrs["mqtt"], moving, back)

	for i, id := range names {
		if home[id] == dead {
			continue
		}
		if err := clients[i].ping(); err != nil {
			t.Fatalf("%s of %s does not answer: %v", id, home[id].name, err)
		}
	}
	for i, id := range moving {
		if err := back[i].ping(); err != nil {
			t.Fatalf("%s does not answer after it has moved: %v", id, err)
		}
	}
	alive := []*mosquitto{brokers[0], brokers[2]}
	homes(t, alive, moving, 1)
	for _, m := range alive {
		landed := 0
		for id, n := range m.connects() {
			switch home[id] {
			case dead:
				landed++
			case m:
				if n != 1 {
					t.Errorf("%s was on %s all along and has connected %d times", id, m.name, n)
				}
			default:
				t.Errorf("%s of %s has moved to %s", id, home[id].name, m.name)
			}
		}
		if landed < len(moving)/3 {
			t.Errorf("%s got %d of the %d clients that moved", m.name, landed, len(moving))
		}
	}
	if n := len(b.sessionsEnded(t, len(moving))); n != len(moving) {
		t.Errorf("%d sessions have ended, want the %d of the dead node", n, len(moving))
	}
	if m := b.metrics(t); m.sum(t, "mqttlb_sessions_open") != sessions {
		t.Errorf("mqttlb_sessions_open is %v, want %d", m.sum(t, "mqttlb_sessions_open"), sessions)
	}
}

// clientsCut waits until every client of a dead broker is disconnected, and returns
// those clients. before is how many sessions had ended earlier.
func clientsCut(t *testing.T, b *balancer, clients []string, sessions []*wire, home map[string]*mosquitto, dead *mosquitto, before int) []string {
	t.Helper()
	var cut []string
	for i, id := range clients {
		if home[id] == dead {
			cut = append(cut, id)
			sessions[i].waitClosed(t)
		}
	}
	if len(cut) < len(clients)/6 {
		t.Fatalf("only %d of %d clients were on the node that died", len(cut), len(clients))
	}
	for _, s := range b.sessionsEnded(t, before+len(cut))[before:] {
		if s.Node != dead.name || s.Outcome != "server_closed" && s.Outcome != "server_reset" {
			t.Errorf("%s of %s has ended as %s", s.ClientID, s.Node, s.Outcome)
		}
	}
	return cut
}

// joinAll opens a session for each identifier, several at a time.
func joinAll(t *testing.T, addr string, names []string, clients []*wire) {
	t.Helper()
	const workers = 16
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for i := worker; i < len(names) && errs[worker] == nil; i += workers {
				clients[i], errs[worker] = tryJoin(addr, "", 4, names[i])
			}
		})
	}
	wg.Wait()
	for _, c := range clients {
		if c != nil {
			t.Cleanup(func() { c.Close() })
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
