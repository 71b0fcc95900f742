package main_test

import "testing"

// An identifier goes to the same node, whether client and node speak WebSocket or not.
func TestAClientHasOneNodeOverTCPAndWebSocket(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 3)
	b := serve(t, everyWay(tcp, ws))
	clients := ids("roamer", 100)
	forEach(t, clients, func(i int, id string) error {
		version := []byte{3, 4, 5}[i%3]
		w, err := tryJoin(b.addrs["mqtt"], "", version, id)
		if err != nil {
			return err
		}
		w.Close()
		for _, listener := range wsListeners {
			if w, err = tryJoinWS(b.addrs[listener], "", version, id); err != nil {
				return err
			}
			w.Close()
		}
		return nil
	})
	guests := map[*mosquitto]int{}
	for _, home := range homes(t, tcp, clients, 3) {
		guests[home]++
	}
	for _, m := range tcp {
		if guests[m] < len(clients)/6 {
			t.Errorf("%d of %d clients are on %s", guests[m], len(clients), m.name)
		}
	}
	for _, s := range b.sessionsEnded(t, 3*len(clients)) {
		// The broker may hear of the client's next connection, on another loop, before it hears of the end of this one.
		if s.ClientID == "" || s.Node == "" || s.Outcome != "client_closed" && s.Outcome != "server_closed" && s.Outcome != "client_disconnected" {
			t.Fatalf("a session's line is %+v", s)
		}
	}
}

// One broker of three gets kill -9 under 200 WebSocket sessions. Only its clients are
// disconnected, and they reconnect to the nodes that they would get over TCP, too.
func TestAKilledBrokerMovesItsOwnWebSocketClientsOnly(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 3)
	b := serve(t, everyWay(tcp, ws))
	clients := ids("panel", 200)
	enter := func(id string) (*wire, error) { // half of the clients use nodes that speak WebSocket
		return tryJoinWS(b.addrs[wsListeners[id[len(id)-1]%2]], "", 4, id)
	}
	sessions := make([]*wire, len(clients))
	forEach(t, clients, func(i int, id string) (err error) {
		sessions[i], err = enter(id)
		return err
	})
	home := homes(t, tcp, clients, 1)
	dead, alive := tcp[1], []*mosquitto{tcp[0], tcp[2]}
	dead.kill()

	moving := clientsCut(t, b, clients, sessions, home, dead, 0)
	forEach(t, moving, func(_ int, id string) error {
		w, err := enter(id)
		if err != nil {
			return err
		}
		defer w.Close()
		if err := w.ping(); err != nil {
			return err
		}
		over, err := tryJoin(b.addrs["mqtt"], "", 4, id)
		if err == nil {
			over.Close()
		}
		return err
	})
	landed := map[*mosquitto]int{}
	for _, m := range homes(t, alive, moving, 2) {
		landed[m]++
	}
	for _, m := range alive {
		if landed[m] < len(moving)/5 {
			t.Errorf("%s got %d of the %d clients that moved", m.name, landed[m], len(moving))
		}
	}
	for i, id := range clients {
		if home[id] == dead {
			continue
		}
		if err := sessions[i].ping(); err != nil {
			t.Errorf("%s of %s does not answer: %v", id, home[id].name, err)
		}
		sessions[i].Close()
	}
	b.sessionsEnded(t, len(clients)+2*len(moving))
	if n := b.metrics(t).sum(t, "mqttlb_sessions_open"); n != 0 {
		t.Errorf("mqttlb_sessions_open is %v at the end, want 0", n)
	}
}
