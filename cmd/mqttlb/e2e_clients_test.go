package main_test

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// message is a message that a subscriber received.
type message struct {
	topic   string
	payload []byte
}

// client is the part of the paho clients that the tests use, for 3.1.1 and 5 alike.
// Messages are published and subscribed with QoS 1.
type client interface {
	subscribe(t *testing.T, topic string)
	publish(t *testing.T, topic string, payload []byte)
	messages() <-chan message
	sessionPresent() bool
	disconnect(t *testing.T)
}

// clientConfig says how a client connects.
type clientConfig struct {
	addr, from string
	id         string
	persistent bool // the session outlives its connection
}

// connectClient connects a paho client of this version, 4 or 5.
func connectClient(t *testing.T, version byte, c clientConfig) client {
	t.Helper()
	if version == 5 {
		return connectV5(t, c)
	}
	return connectV3(t, c)
}

// clientV3 is paho.mqtt.golang.
type clientV3 struct {
	mqtt.Client
	present bool
	in      chan message
	conn    net.Conn
}

// localPort returns the client's own port.
func (c *clientV3) localPort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(c.conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func connectV3(t *testing.T, c clientConfig) *clientV3 {
	t.Helper()
	client := &clientV3{in: make(chan message, 1024)}
	options := mqtt.NewClientOptions().
		AddBroker("tcp://" + c.addr).
		SetClientID(c.id).
		SetProtocolVersion(4).
		SetCleanSession(!c.persistent).
		SetAutoReconnect(false).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (conn net.Conn, err error) {
			client.conn, err = dialer(c.from).Dial("tcp", c.addr)
			return client.conn, err
		}).
		SetConnectTimeout(patience).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			client.in <- message{m.Topic(), m.Payload()}
		})
	client.Client = mqtt.NewClient(options)
	token := client.Connect()
	await(t, token, "CONNECT of "+c.id)
	client.present = token.(*mqtt.ConnectToken).SessionPresent()
	t.Cleanup(func() { client.Disconnect(0) })
	return client
}

func await(t *testing.T, token mqtt.Token, what string) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatalf("%s: no answer within %v", what, patience)
	}
	if err := token.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (c *clientV3) subscribe(t *testing.T, topic string) {
	t.Helper()
	await(t, c.Subscribe(topic, 1, nil), "SUBSCRIBE "+topic)
}

func (c *clientV3) publish(t *testing.T, topic string, payload []byte) {
	t.Helper()
	await(t, c.Publish(topic, 1, false, payload), "PUBLISH "+topic)
}

func (c *clientV3) messages() <-chan message { return c.in }
func (c *clientV3) sessionPresent() bool     { return c.present }

func (c *clientV3) disconnect(*testing.T) { c.Disconnect(250) }

// clientV5 is paho.golang.
type clientV5 struct {
	*paho.Client
	present bool
	in      chan message
}

func connectV5(t *testing.T, c clientConfig) *clientV5 {
	t.Helper()
	conn, err := dialer(c.from).Dial("tcp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	client := &clientV5{in: make(chan message, 1024)}
	client.Client = paho.NewClient(paho.ClientConfig{
		ClientID:      c.id,
		Conn:          conn,
		PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			client.in <- message{p.Packet.Topic, p.Packet.Payload}
			return true, nil
		}},
	})
	connect := &paho.Connect{ClientID: c.id, KeepAlive: 30, CleanStart: !c.persistent}
	if c.persistent {
		forAnHour := uint32(3600)
		connect.Properties = &paho.ConnectProperties{SessionExpiryInterval: &forAnHour}
	}
	connack, err := client.Connect(t.Context(), connect)
	if err != nil {
		t.Fatalf("CONNECT of %s: %v", c.id, err)
	}
	client.present = connack.SessionPresent
	t.Cleanup(func() { conn.Close() })
	return client
}

func (c *clientV5) subscribe(t *testing.T, topic string) {
	t.Helper()
	if _, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: topic, QoS: 1}}}); err != nil {
		t.Fatalf("SUBSCRIBE %s: %v", topic, err)
	}
}

func (c *clientV5) publish(t *testing.T, topic string, payload []byte) {
	t.Helper()
	if _, err := c.Publish(t.Context(), &paho.Publish{Topic: topic, QoS: 1, Payload: payload}); err != nil {
		t.Fatalf("PUBLISH %s: %v", topic, err)
	}
}

func (c *clientV5) messages() <-chan message { return c.in }
func (c *clientV5) sessionPresent() bool     { return c.present }

func (c *clientV5) disconnect(t *testing.T) {
	t.Helper()
	if err := c.Disconnect(&paho.Disconnect{}); err != nil {
		t.Fatalf("DISCONNECT: %v", err)
	}
}

// receive waits for the next message.
func receive(t *testing.T, c client) message {
	t.Helper()
	select {
	case m := <-c.messages():
		return m
	case <-time.After(patience):
		t.Fatalf("no message within %v", patience)
		return message{}
	}
}

// hostPort returns the flags of mosquitto_pub and mosquitto_sub for an address.
func hostPort(addr string) []string {
	host, port, _ := net.SplitHostPort(addr)
	return []string{"-h", host, "-p", port}
}

// versionName returns the name of a protocol level in logs and metrics.
func versionName(version byte) string {
	return map[byte]string{3: "3.1", 4: "3.1.1", 5: "5"}[version]
}

// ids returns n client identifiers with a common prefix, as in real fleets.
func ids(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%06d", strings.ToLower(prefix), i)
	}
	return out
}
