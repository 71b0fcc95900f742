package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// publisher is a client of a library, which connects again by itself.
type publisher struct {
	id      string
	publish func(ctx context.Context, text string) error // at QoS 1, until it is acknowledged
	refused atomic.Int32                                 // CONNECTs in vain
	acked   []string                                     // texts; valid when it lives no more
}

// publishV3 starts a publisher of MQTT 3.1.1.
func publishV3(t *testing.T, addr, id string) *publisher {
	t.Helper()
	p := &publisher{id: id}
	options := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetProtocolVersion(4).
		SetConnectTimeout(patience).SetMaxReconnectInterval(time.Second).
		SetReconnectingHandler(func(mqtt.Client, *mqtt.ClientOptions) { p.refused.Add(1) }).
		SetOnConnectHandler(func(mqtt.Client) { p.refused.Add(-1) })
	p.refused.Store(1) // the first CONNECT is no reconnect
	c := mqtt.NewClient(options)
	await(t, c.Connect(), "CONNECT of "+id)
	t.Cleanup(func() { c.Disconnect(0) })
	p.publish = func(ctx context.Context, text string) error {
		token := c.Publish(text, 1, false, text)
		select {
		case <-token.Done():
			return token.Error()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
			return errors.New("no PUBACK")
		}
	}
	return p
}

// publishV5 starts a publisher of MQTT 5.
func publishV5(t *testing.T, addr, id string) *publisher {
	t.Helper()
	p := &publisher{id: id}
	ctx, cancel := context.WithCancel(t.Context())
	c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: addr}}, KeepAlive: 30, ConnectTimeout: patience,
		CleanStartOnInitialConnection: true, SessionExpiryInterval: 3600,
		ReconnectBackoff: autopaho.NewConstantBackoff(200 * time.Millisecond),
		OnConnectError: func(error) {
			if ctx.Err() == nil {
				p.refused.Add(1)
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: id},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-c.Done() })
	p.publish = func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := c.AwaitConnection(ctx); err != nil {
			return err
		}
		_, err := c.Publish(ctx, &paho.Publish{Topic: text, QoS: 1, Payload: []byte(text)})
		return err
	}
	return p
}

// live publishes until ctx is done.
func (p *publisher) live(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		text := fmt.Sprintf("%s %d", p.id, n)
		if p.publish(ctx, text) == nil {
			p.acked = append(p.acked, text)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Three brokers are killed and started again, one after the other. Each broker logs the topics that it gets.
func TestRollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	const each = 20
	brokers := startMosquittos(t, 3)
	r := newReloadee(t, nodes(brokers...))
	r.health = "{probe: mqtt, interval: 500ms, timeout: 500ms, fall: 2, rise: 2}"
	r.more = "    rebalance: 20/s\n"
	r.put(t)
	r.run(t)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var living sync.WaitGroup
	var publishers []*publisher
	var devices []*device
	var clients []string
	for i := range each {
		publishers = append(publishers, publishV3(t, r.addrs["mqtt"], fmt.Sprintf("v3-%d", i)), publishV5(t, r.addrs["mqtt"], fmt.Sprintf("v5-%d", i)))
		devices = append(devices, &device{id: fmt.Sprintf("device-%d", i), version: []byte{4, 5}[i%2], persistent: i%3 == 0})
	}
	for _, p := range publishers {
		clients = append(clients, p.id)
		living.Go(func() { p.live(ctx) }) // ends with ctx
	}
	for _, d := range devices {
		clients = append(clients, d.id)
		living.Go(func() { d.live(ctx, r.addrs["mqtt"]) }) // ends with ctx
	}
	at := func() map[string]string {
		nodes := map[string]string{}
		for _, s := range r.list(t, "--limit", "1000").Sessions {
			nodes[s.ClientID] = s.Node
		}
		return nodes
	}
	allAtHome := func(when string) {
		t.Helper()
		eventually(t, "all clients are at home "+when, func() bool {
			nodes := at()
			return !slices.ContainsFunc(clients, func(id string) bool { return nodes[id] != firstNode(t, []string{"a", "b", "c"}, id) })
		})
	}
	allAtHome("before")

	lives := []*process{}
	for _, m := range brokers {
		lives = append(lives, m.process)
		m.kill()
		eventually(t, "all clients are on the others than "+m.name, func() bool {
			nodes := at()
			return !slices.ContainsFunc(clients, func(id string) bool { return nodes[id] == "" || nodes[id] == m.name })
		})
		r.waitFor(t, `"msg":"node is down"`, fmt.Sprintf(`"node":%q`, m.name))
		m.restart(t)
		lives = append(lives, m.process)
		r.waitFor(t, `"msg":"node is up"`, fmt.Sprintf(`"node":%q`, m.name))
	}
	allAtHome("after")
	stop()
	living.Wait()

	got := map[string]bool{}
	for _, p := range lives {
		for _, line := range p.said("Received PUBLISH from ") {
			if _, rest, ok := strings.Cut(line, ", '"); ok {
				topic, _, _ := strings.Cut(rest, "'")
				got[topic] = true
			}
		}
	}
	acked := 0
	count := func(id string, texts []string) {
		acked += len(texts)
		if len(texts) == 0 {
			t.Errorf("%s has published nothing", id)
		}
		for _, text := range texts {
			if !got[text] {
				t.Errorf("%q was acknowledged and has not arrived", text)
			}
		}
	}
	for _, p := range publishers {
		count(p.id, p.acked)
		if n := p.refused.Load(); n != 0 {
			t.Errorf("%s has sent %d CONNECTs in vain", p.id, n)
		}
	}
	for _, d := range devices {
		count(d.id, d.acked)
		if len(d.refused) > 0 {
			t.Errorf("%s was refused: %s", d.id, strings.Join(d.refused, "; "))
		}
	}
	if n := r.metrics(t).sum(t, "mqttlb_refusals_total"); n != 0 {
		t.Errorf("%v refusals", n)
	}
	t.Logf("%d PUBLISH acknowledged", acked)
}
