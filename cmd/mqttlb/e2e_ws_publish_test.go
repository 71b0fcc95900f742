package main_test

import (
	"bytes"
	"context"
	"net/url"
	"testing"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// The clients' own WebSockets, of both versions, to both kinds of node.
func TestPahosClientsPublishAndSubscribeOverWebSocket(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	b := serve(t, everyWay(tcp, ws))
	for _, listener := range wsListeners {
		for _, version := range []byte{4, 5} {
			t.Run(listener+" "+versionName(version), func(t *testing.T) {
				id := "paho-" + listener + versionName(version)
				connect := wsClientV3
				if version == 5 {
					connect = wsClientV5
				}
				c := connect(t, "ws://"+b.addrs[listener]+"/mqtt", id)
				c.subscribe(t, id)
				for _, size := range []int{0, 1, 125, 126, 4096, 20_000} { // each form of a frame's length but the longest
					want := bytes.Repeat([]byte{byte(size)}, size)
					c.publish(t, id, want)
					if got := receive(t, c); got.topic != id || !bytes.Equal(got.payload, want) {
						t.Fatalf("%d bytes on %q, want %d on %q", len(got.payload), got.topic, size, id)
					}
				}
				c.disconnect(t)
				s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]
				if s.Listener != listener || s.Version != versionName(version) || s.Node != "a" || s.Outcome != "server_closed" && s.Outcome != "client_closed" {
					t.Errorf("the session's line is %+v", s)
				}
			})
		}
	}
}

// wsClientV3 is paho.mqtt.golang with its own WebSocket.
func wsClientV3(t *testing.T, address, id string) client {
	t.Helper()
	c := &clientV3{in: make(chan message, 16)}
	c.Client = mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(address).
		SetClientID(id).
		SetProtocolVersion(4).
		SetAutoReconnect(false).
		SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { c.in <- message{m.Topic(), m.Payload()} }))
	await(t, c.Connect(), "CONNECT of "+id)
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// autopahoClient is paho.golang's autopaho with its own WebSocket.
type autopahoClient struct {
	*autopaho.ConnectionManager
	in chan message
}

func wsClientV5(t *testing.T, address, id string) client {
	t.Helper()
	server, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c := &autopahoClient{in: make(chan message, 16)}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c.ConnectionManager, err = autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls:     []*url.URL{server},
		KeepAlive:      30,
		ConnectTimeout: patience,
		OnConnectError: func(err error) { t.Errorf("CONNECT of %s: %v", id, err); cancel() },
		ClientConfig: paho.ClientConfig{
			ClientID: id,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				c.in <- message{p.Packet.Topic, p.Packet.Payload}
				return true, nil
			}},
		},
	})
	if err == nil {
		err = c.AwaitConnection(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *autopahoClient) subscribe(t *testing.T, topic string) {
	t.Helper()
	if _, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}}}); err != nil {
		t.Fatalf("SUBSCRIBE %s: %v", topic, err)
	}
}

func (c *autopahoClient) publish(t *testing.T, topic string, payload []byte) {
	t.Helper()
	if _, err := c.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: 1, Payload: payload}); err != nil {
		t.Fatalf("PUBLISH %s: %v", topic, err)
	}
}

func (c *autopahoClient) messages() <-chan message { return c.in }
func (c *autopahoClient) sessionPresent() bool     { return false }

func (c *autopahoClient) disconnect(t *testing.T) {
	t.Helper()
	if err := c.Disconnect(t.Context()); err != nil {
		t.Fatalf("DISCONNECT: %v", err)
	}
}
