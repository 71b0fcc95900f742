package main_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// roamer is a client that connects again by itself, and then subscribes to the topic of its name.
type roamer struct {
	id    string
	in    chan message
	up    chan struct{} // it has subscribed
	codes chan byte     // of the DISCONNECTs that it has got
}

// roam connects a roamer of MQTT 5.
func roam(t *testing.T, addr, id string) *roamer {
	t.Helper()
	r := &roamer{id: id, in: make(chan message, 16), up: make(chan struct{}, 16), codes: make(chan byte, 16)}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: addr}}, KeepAlive: 30, CleanStartOnInitialConnection: true,
		ReconnectBackoff: autopaho.NewConstantBackoff(100 * time.Millisecond),
		OnConnectionUp: func(c *autopaho.ConnectionManager, _ *paho.Connack) {
			if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: id, QoS: 1}}}); err == nil {
				r.up <- struct{}{}
			}
		},
		ClientConfig: paho.ClientConfig{
			ClientID: id,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				r.in <- message{p.Packet.Topic, p.Packet.Payload}
				return true, nil
			}},
			OnServerDisconnect: func(d *paho.Disconnect) { r.codes <- d.ReasonCode },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-c.Done() })
	r.subscribed(t)
	return r
}

// subscribed waits until the roamer has subscribed once more.
func (r *roamer) subscribed(t *testing.T) {
	t.Helper()
	select {
	case <-r.up:
	case <-time.After(patience):
		t.Fatalf("%s is not back", r.id)
	}
}

// A broker is restarted. Its clients go to the other one, and return to it at the pace when it is up
// again; those of the other notice nothing.
func TestClientsOfARestartedBrokerReturnAndSubscribeAgain(t *testing.T) {
	t.Parallel()
	const clients = 16
	brokers := startMosquittos(t, 2)
	r := newReloadee(t, nodes(brokers...))
	r.write(t, "127.0.0.1", strings.Replace(r.text(), "health: {probe: none}",
		"health: {probe: mqtt, interval: 500ms, timeout: 500ms, fall: 1, rise: 1}\n    rebalance: 20/s", 1))
	r.run(t)
	roamers := map[string]*roamer{}
	all := ids("roamer", clients)
	for _, id := range all {
		roamers[id] = roam(t, r.addrs["mqtt"], id)
	}
	was := homes(t, brokers, all, 1)
	restarted, other := brokers[1], brokers[0]
	var away []string
	restarted.kill()
	for _, id := range all {
		if was[id] == restarted {
			away = append(away, id)
			roamers[id].subscribed(t)
		}
	}
	if len(away) == 0 || len(away) == clients {
		t.Fatalf("%d of %d clients were on one broker", len(away), clients)
	}
	r.waitFor(t, `"msg":"node is down"`, `"node":"b"`) // a restart that no probe sees changes nothing
	restarted.restart(t)
	r.waitFor(t, `"msg":"sessions return to their first node"`, `"pool":"brokers"`, `"per_second":20`)
	for _, id := range away {
		roamers[id].subscribed(t)
		if code := <-roamers[id].codes; code != 0x9C {
			t.Errorf("%s was told 0x%02X", id, code)
		}
	}
	r.waitFor(t, `"msg":"the sessions have returned to their first node"`)
	if ended := r.sessionsEnded(t, len(away), `"moved"`); len(ended) != len(away) {
		t.Errorf("%d sessions were moved, want %d", len(ended), len(away))
	}
	if moved := r.metrics(t).sum(t, "mqttlb_rebalance_sessions_moved_total"); moved != float64(len(away)) {
		t.Errorf("%v sessions were moved, want %d", moved, len(away))
	}
	if out := r.must(t, "status", "--json"); !strings.Contains(strings.ReplaceAll(out, " ", ""), fmt.Sprintf(`"moved":%d`, len(away))) {
		t.Errorf("the status is %s", out)
	}
	direct := map[*mosquitto]client{
		restarted: connectV5(t, clientConfig{addr: restarted.addr, id: "to-restarted"}),
		other:     connectV5(t, clientConfig{addr: other.addr, id: "to-other"}),
	}
	for _, id := range all {
		direct[was[id]].publish(t, id, []byte("for "+id))
		select {
		case m := <-roamers[id].in:
			if m.topic != id || string(m.payload) != "for "+id {
				t.Errorf("%s got %q on %s", id, m.payload, m.topic)
			}
		case <-time.After(patience):
			t.Fatalf("%s is not on %s", id, was[id].name)
		}
		if was[id] == other && len(roamers[id].up) > 0 {
			t.Errorf("%s had to connect again", id)
		}
	}
}
