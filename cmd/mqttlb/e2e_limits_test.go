package main_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	v5 "github.com/eclipse/paho.golang/packets"
)

// Codes of a CONNACK, and their names in each version.
const (
	serverBusy             = 0x89 // 5: Server busy
	quotaExceeded          = 0x97 // 5: Quota exceeded
	connectionRateExceeded = 0x9F // 5: Connection rate exceeded
	packetTooLarge         = 0x95 // 5: Packet too large
	serverUnavailable      = 3    // 3.1, 3.1.1: Connection Refused, Server unavailable
)

// refused checks that the answer to a CONNECT is this code, and that the connection is
// closed then.
func refused(t *testing.T, addr string, version byte, id string, want byte) {
	t.Helper()
	w := dialWire(t, addr, "")
	code, err := w.connect(version, id)
	if err != nil || code != want {
		t.Errorf("%s (%s): code 0x%02x, error %v; want code 0x%02x", id, versionName(version), code, err, want)
		return
	}
	w.waitClosed(t)
}

// refusalsOf returns the code of a refusal in each version.
func refusalsOf(v5code byte) map[byte]byte {
	return map[byte]byte{3: serverUnavailable, 4: serverUnavailable, 5: v5code}
}

func TestMaxConnectionsAreRefusedInMQTT(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	for _, limit := range []struct {
		of, outcome        string
		code               byte
		process, own, node string
	}{
		{of: "the process", process: "limits: {max_connections: 2}", code: quotaExceeded, outcome: "max_connections"},
		{of: "the listener", own: ", max_connections: 2", code: quotaExceeded, outcome: "max_connections"},
		{of: "the node", node: ", max_connections: 2", code: serverBusy, outcome: "nodes_full"},
	} {
		t.Run(limit.of, func(t *testing.T) {
			b := serve(t, fmt.Sprintf(`
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers%s}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
      - {name: a, address: "%s"%s}
%s`, limit.own, broker.addr, limit.node, limit.process))
			first := join(t, b.addrs["mqtt"], "", 4, "first")
			second := join(t, b.addrs["mqtt"], "", 5, "second")
			for version, code := range refusalsOf(limit.code) {
				refused(t, b.addrs["mqtt"], version, "third", code)
			}
			for _, s := range b.sessionsEnded(t, 3) {
				if s.Outcome != limit.outcome {
					t.Errorf("the outcome is %q, want %q", s.Outcome, limit.outcome)
				}
			}
			if err := first.ping(); err != nil {
				t.Errorf("the first session: %v", err)
			}

			// A place that becomes free can be taken.
			second.disconnect(t)
			b.sessionsEnded(t, 1, `"second"`)
			join(t, b.addrs["mqtt"], "", 5, "fourth").disconnect(t)
		})
	}
}

// Clients of a full node go to the next candidate.
func TestAFullNodePassesClientsOn(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	b := serve(t, threeBrokers+strings.ReplaceAll(nodes(brokers...), `"}`, `", max_connections: 3}`))
	clients := ids("guest", 6)
	for _, id := range clients {
		join(t, b.addrs["mqtt"], "", 4, id)
	}
	refused(t, b.addrs["mqtt"], 5, "one-too-many", serverBusy)
	guests := map[*mosquitto]int{}
	for _, home := range homes(t, brokers, clients, 1) {
		guests[home]++
	}
	for _, m := range brokers {
		if guests[m] != 3 {
			t.Errorf("%s has %d clients, want 3", m.name, guests[m])
		}
	}
}

func TestConnectsBeyondTheRateAreRefusedInMQTT(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	// The rate is one a second with a burst of one: the next CONNECT must wait a second.
	b := serve(t, oneBroker+nodes(broker)+"limits: {connect_rate: 1}\n")
	taken := map[byte]int{}
	codes := map[byte]map[byte]int{3: {}, 4: {}, 5: {}}
	for range 5 {
		for version := range codes {
			w := dialWire(t, b.addrs["mqtt"], "")
			code, err := w.connect(version, "hasty")
			if err != nil {
				t.Fatal(err)
			}
			codes[version][code]++
			if code == 0 {
				taken[version]++
			}
			w.Close()
		}
	}
	for version, code := range refusalsOf(connectionRateExceeded) {
		if n := codes[version][code] + taken[version]; n != 5 {
			t.Errorf("MQTT %s: codes %v, want 0 or 0x%02x", versionName(version), codes[version], code)
		}
		if codes[version][code] == 0 {
			t.Errorf("MQTT %s: nothing was refused at a rate of 1 a second", versionName(version))
		}
	}
}

// All of 127.0.0.0/8 is loopback, so each client can have an address of its own.
func TestAnAddressBeyondItsLimitIsRefusedInMQTT(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker)+"limits: {max_connections_per_address: 2}\n")
	first := join(t, b.addrs["mqtt"], "127.0.0.1", 4, "first")
	join(t, b.addrs["mqtt"], "127.0.0.1", 5, "second")
	for version, code := range refusalsOf(quotaExceeded) {
		refused(t, b.addrs["mqtt"], version, "third", code)
	}
	for _, s := range b.sessionsEnded(t, 3) {
		if s.Outcome != "address_connections" {
			t.Errorf("the outcome is %q, want address_connections", s.Outcome)
		}
	}
	join(t, b.addrs["mqtt"], "127.0.0.2", 5, "elsewhere")

	// A place that becomes free can be taken.
	first.disconnect(t)
	b.sessionsEnded(t, 1, `"first"`)
	join(t, b.addrs["mqtt"], "127.0.0.1", 4, "fourth")
}

// bigConnect returns a v5 CONNECT of about this many bytes, most of them user properties.
func bigConnect(size int, id string) []byte {
	c := &v5.Connect{ProtocolName: "MQTT", ProtocolVersion: 5, CleanStart: true, ClientID: id, Properties: &v5.Properties{}}
	value := strings.Repeat("x", 1000)
	for i := range size / (len(value) + 10) {
		c.Properties.User = append(c.Properties.User, v5.User{Key: fmt.Sprintf("k%04d", i), Value: value})
	}
	var b bytes.Buffer
	c.WriteTo(&b)
	return b.Bytes()
}

// The CONNECT is larger than any buffer of mqttlb. Packets sent right behind it must
// arrive after it.
func TestALargeConnectArrivesWhole(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker)+"limits: {max_connect_size: 512KiB}\n")
	for _, size := range []int{60_000, 131_000, 140_000, 400_000} {
		w := dialWire(t, b.addrs["mqtt"], "")
		w.version = 5
		if _, err := w.Write(append(bigConnect(size, fmt.Sprintf("big-%d", size)), 0xC0, 0)); err != nil {
			t.Fatal(err)
		}
		if code, err := w.connack(); err != nil || code != 0 {
			t.Errorf("%d bytes: code 0x%02x, %v", size, code, err)
			continue
		}
		var pong [2]byte
		if _, err := io.ReadFull(w.in, pong[:]); err != nil || pong != [2]byte{0xD0, 0} {
			t.Errorf("%d bytes: % x, %v where a PINGRESP was due", size, pong, err)
		}
	}
}

func TestAConnectBeyondTheLimitIsRefusedInMQTT(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker)+"limits: {max_connect_size: 16KiB}\n")
	w := dialWire(t, b.addrs["mqtt"], "")
	w.version = 5
	w.Write(bigConnect(20_000, "too-big"))
	if code, err := w.connack(); err != nil || code != packetTooLarge {
		t.Errorf("code 0x%02x, %v; want 0x%02x", code, err, packetTooLarge)
	}
	w.waitClosed(t)
	if s := b.sessionsEnded(t, 1)[0]; s.Outcome != "connect_too_large" {
		t.Errorf("the outcome is %q, want connect_too_large", s.Outcome)
	}
	if n := broker.connects(); len(n) != 0 {
		t.Errorf("the broker has seen %v", n)
	}
}
