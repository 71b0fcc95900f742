package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/pires/go-proxyproto"
)

// broker is an MQTT broker in this process that can be killed and started
// again. It keeps nothing over a restart.
type broker struct {
	name    string
	port    int    // where it listens for the first time, or near it
	address string // where it listened first, and always does; empty until then
	board   *board
	// others are the rest of the cluster: what is published here reaches their
	// subscribers, too. Shared subscriptions are shared within a broker only.
	others []*broker

	mu   sync.Mutex // held while starting and killing
	live atomic.Pointer[mqtt.Server]
}

// start begins to take clients. It does nothing to a broker that runs.
func (b *broker) start() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live.Load() != nil {
		return nil
	}
	ln, err := b.listen()
	if err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumClientWritesPending = 1024 // a queue of this size is made for each client
	srv := mqtt.New(&mqtt.Options{
		Logger:       slog.New(slog.DiscardHandler),
		InlineClient: true, // publishes what comes from the other brokers
		Capabilities: capabilities,
	})
	if err = srv.AddHook(&hook{broker: b}, nil); err == nil {
		if err = srv.AddListener(newBrokerListener(b.name, ln)); err == nil {
			err = srv.Serve()
		}
	}
	if err != nil {
		ln.Close()
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	b.live.Store(srv)
	b.board.brokerStarted(b.name)
	return nil
}

func (b *broker) listen() (net.Listener, error) {
	if b.address != "" {
		return listenAt(b.address)
	}
	ln, err := listenNear(b.port)
	if err == nil {
		b.address = ln.Addr().String()
	}
	return ln, err
}

// kill closes the listener and every connection at once, as the end of a
// process does. It does nothing to a broker that does not run.
func (b *broker) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	srv := b.live.Swap(nil)
	if srv == nil {
		return
	}
	b.board.brokerKilled(b.name)
	_ = srv.Close() // always nil
}

func (b *broker) running() bool { return b.live.Load() != nil }

// forward hands a message to the other brokers.
func (b *broker) forward(pk packets.Packet) {
	if b.live.Load() == nil {
		return // the last wills of a dead broker die with it
	}
	for _, other := range b.others {
		if srv := other.live.Load(); srv != nil {
			// The error is about the packet, which this broker has accepted.
			_ = srv.Publish(pk.TopicName, pk.Payload, pk.FixedHeader.Retain, pk.FixedHeader.Qos)
		}
	}
}

// hook tells the board and the other brokers what happens in a broker. Its
// methods are called from the goroutines of the broker's clients.
type hook struct {
	mqtt.HookBase
	broker *broker
}

func (*hook) ID() string { return "demo" }

func (*hook) Provides(b byte) bool {
	return bytes.IndexByte([]byte{
		mqtt.OnConnectAuthenticate, mqtt.OnACLCheck,
		mqtt.OnSessionEstablished, mqtt.OnDisconnect, mqtt.OnPublished, mqtt.OnWillSent,
	}, b) >= 0
}

// OnConnectAuthenticate lets everyone in: the broker is reached from this
// machine alone.
func (*hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck lets everyone do everything.
func (*hook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnSessionEstablished is called when a client has its CONNACK.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, pk packets.Packet) {
	if !isProbe(cl) {
		h.broker.board.clientConnected(h.broker.name, cl.ID, cl.Net.Remote, pk.Connect.ClientIdentifier != "")
	}
}

// OnDisconnect is called when a client has gone, or another has taken over.
func (h *hook) OnDisconnect(cl *mqtt.Client, _ error, _ bool) {
	h.broker.board.clientDisconnected(h.broker.name, cl.ID, cl.Net.Remote)
}

// OnPublished is called when a message has been handed to the subscribers.
func (h *hook) OnPublished(cl *mqtt.Client, pk packets.Packet) {
	if cl.Net.Inline {
		return // from another broker: it must not go back
	}
	h.broker.board.messagePublished(h.broker.name)
	h.broker.forward(pk)
}

// OnWillSent is OnPublished for last wills.
func (h *hook) OnWillSent(_ *mqtt.Client, pk packets.Packet) { h.broker.forward(pk) }

// isProbe reports whether the balancer speaks for itself, as its health checks
// do: then the PROXY header names the address that the connection comes from.
func isProbe(cl *mqtt.Client) bool {
	conn, ok := cl.Net.Conn.(*proxyproto.Conn)
	return ok && conn.Raw().RemoteAddr().String() == cl.Net.Remote
}
