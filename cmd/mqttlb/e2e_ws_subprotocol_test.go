package main_test

import (
	"bufio"
	"fmt"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// offers are subprotocols that clients offer, and the one that they get.
var offers = []struct {
	offered []string
	gets    string
}{
	{nil, ""}, // WeChat mini programs
	{[]string{"mqtt"}, "mqtt"},
	{[]string{"mqttv3.1"}, "mqttv3.1"},
	{[]string{"mqttv3.1.1"}, "mqttv3.1.1"},
	{[]string{"mqtt-v5"}, "mqtt-v5"},
	{[]string{"MQTT"}, "MQTT"},
	{[]string{"foo", "mqttv3.1", "mqtt", "eyJhbGciOiJIUzI1NiJ9.e30.x-y_z"}, "mqtt"},
	{[]string{"foo", "mqtt-v3"}, "mqtt-v3"},
}

// joinOffering opens a session over WebSocket with an offer.
func joinOffering(url, gets string, offered []string, id string) error {
	d := websocket.Dialer{HandshakeTimeout: patience, Subprotocols: offered}
	conn, resp, err := d.Dial(url, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	defer resp.Body.Close()
	defer conn.Close()
	if conn.Subprotocol() != gets {
		return fmt.Errorf("the subprotocol is %q, want %q", conn.Subprotocol(), gets)
	}
	s := &stream{Conn: conn}
	s.SetDeadline(time.Now().Add(patience))
	w := &wire{Conn: s, in: bufio.NewReaderSize(s, 256)}
	return w.open(4, id)
}

// Mosquitto closes the connection of an upgrade that offers none of mqtt and mqttv3.1.
func TestOffersOfClientsBeforeMosquitto(t *testing.T) {
	t.Parallel()
	tcp, ws := startWSMosquittos(t, 1)
	b := serve(t, `
listeners:
  - {name: ws, address: "${ws}", protocol: ws, pool: brokers-ws, subprotocol: optional}
  - {name: translated, address: "${translated}", protocol: ws, pool: brokers, subprotocol: optional}
`+poolsOfBoth(tcp, ws))
	for _, listener := range wsListeners {
		for i, o := range offers {
			if err := joinOffering("ws://"+b.addrs[listener]+"/mqtt", o.gets, o.offered, fmt.Sprint(listener, "-", i)); err != nil {
				t.Errorf("%s, offering %q: %v", listener, o.offered, err)
			}
		}
	}
}

// RabbitMQ serves /ws alone, knows no subprotocol but mqtt, and answers 400 without one.
func TestPathsAndOffersOfClientsBeforeRabbitMQ(t *testing.T) {
	t.Parallel()
	rabbit := startWebRabbit(t)
	b := serve(t, `
listeners:
  - {name: ws, address: "${ws}", protocol: ws, paths: [/mqtt, /mqtt/, /, /devices/*], pool: rabbit, subprotocol: optional}
pools:
  - name: rabbit
    protocol: ws
    path: /ws
    proxy_protocol: v2
    health: {probe: none}
    nodes: [{name: rabbit, address: "`+rabbit.mqtt+`"}]
`)
	for i, path := range []string{"/mqtt", "/mqtt/", "/", "/devices/7/mqtt", "/mqtt?token=a%20b"} {
		for j, o := range offers {
			if err := joinOffering("ws://"+b.addrs["ws"]+path, o.gets, o.offered, fmt.Sprint("path-", i, "-", j)); err != nil {
				t.Errorf("%s, offering %q: %v", path, o.offered, err)
			}
		}
	}
	for _, path := range []string{"/ws", "/devices", "/mqtt/x"} {
		if err := joinOffering("ws://"+b.addrs["ws"]+path, "mqtt", []string{"mqtt"}, "lost"); err == nil {
			t.Errorf("%s is served", path)
		}
	}
}
