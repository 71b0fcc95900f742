package main_test

import (
	"bytes"
	"testing"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

// Client libraries of both MQTT versions publish with their own WebSocket code to both kinds of node.
func TestPahosClientsPublishAndSubscribeOverWebSocket(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	b := serve(t, everyWay(tcp, ws))
	for _, listener := range wsListeners {
		for _, version := range []byte{4, 5} {
			t.Run(listener+" "+versionName(version), func(t *testing.T) {
				id := "paho-" + listener + versionName(version)
				connect := pahoClientV3
				if version == 5 {
					connect = pahoClientV5
				}
				c := connect(t, "ws://"+b.addrs[listener]+"/mqtt", id, nil)
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
				if s.Listener != listener || s.Version != versionName(version) || s.Node != "a" || s.Outcome != "client_disconnected" {
					t.Errorf("the session's line is %+v", s)
				}
			})
		}
	}
}

// autopahoClient is paho.golang's autopaho with its own WebSocket.
type autopahoClient struct {
	*autopaho.ConnectionManager
	in chan message
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

// acknowledge waits until the client has sent all PUBACKs: it sends one behind its handler of the message, and before that of
// the next message. Otherwise the last of them may come after the DISCONNECT.
func (c *autopahoClient) acknowledge(t *testing.T, topic string) {
	t.Helper()
	if _, err := c.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: 0}); err != nil {
		t.Fatalf("PUBLISH %s: %v", topic, err)
	}
	receive(t, c)
}

func (c *autopahoClient) messages() <-chan message { return c.in }
func (c *autopahoClient) sessionPresent() bool     { return false }

func (c *autopahoClient) disconnect(t *testing.T) {
	t.Helper()
	if err := c.Disconnect(t.Context()); err != nil {
		t.Fatalf("DISCONNECT: %v", err)
	}
}
