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

// broker is an MQTT broker in this process that can be killed and started again. A
// restart loses all its state.
type broker struct {
	name    string
	port    int    // the first port to try
	address string // empty until the first start, and the same from then on
	board   *board
	// others are the other brokers of the cluster. Messages published here reach their
	// subscribers, too. Shared subscriptions are shared within a broker only.
	others []*broker

	mu   sync.Mutex // held while starting and killing
	live atomic.Pointer[mqtt.Server]
}

// start starts the broker, unless it runs already.
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
	capabilities.MaximumClientWritesPending = 1024 // mochi allocates a queue of this size for each client
	srv := mqtt.New(&mqtt.Options{
		Logger:       slog.New(slog.DiscardHandler),
		InlineClient: true, // publishes the messages of the other brokers
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

// kill closes the listener and every connection at once, as the end of a process does.
// It does nothing if the broker does not run.
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

// forward publishes a message on the other brokers.
func (b *broker) forward(pk packets.Packet) {
	if b.live.Load() == nil {
		return // the last wills of a dead broker die with it
	}
	for _, other := range b.others {
		if srv := other.live.Load(); srv != nil {
			// An error would be about the packet, and this broker has accepted it.
			_ = srv.Publish(pk.TopicName, pk.Payload, pk.FixedHeader.Retain, pk.FixedHeader.Qos)
		}
	}
}

// hook passes the events of a broker to the board and to the other brokers. Its methods
// are called from the goroutines of the broker's clients.
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

// OnConnectAuthenticate accepts every client: the broker listens on loopback only.
func (*hook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck allows every publish and subscribe.
func (*hook) OnACLCheck(*mqtt.Client, string, bool) bool { return true }

// OnSessionEstablished is called after the CONNACK.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, pk packets.Packet) {
	if !isProbe(cl) {
		h.broker.board.clientConnected(h.broker.name, cl.ID, cl.Net.Remote, pk.Connect.ClientIdentifier != "")
	}
}

// OnDisconnect is called when a client has gone, or another has taken its session over.
func (h *hook) OnDisconnect(cl *mqtt.Client, _ error, _ bool) {
	h.broker.board.clientDisconnected(h.broker.name, cl.ID, cl.Net.Remote)
}

// OnPublished is called after a message was delivered to the subscribers.
func (h *hook) OnPublished(cl *mqtt.Client, pk packets.Packet) {
	if cl.Net.Inline {
		return // the message came from another broker: it must not loop
	}
	h.broker.board.messagePublished(h.broker.name)
	h.broker.forward(pk)
}

// OnWillSent is OnPublished for last wills.
func (h *hook) OnWillSent(_ *mqtt.Client, pk packets.Packet) { h.broker.forward(pk) }

// isProbe reports whether the client is the balancer itself, as in a health check. The
// PROXY header then names the source address of the connection.
func isProbe(cl *mqtt.Client) bool {
	conn, ok := cl.Net.Conn.(*proxyproto.Conn)
	return ok && conn.Raw().RemoteAddr().String() == cl.Net.Remote
}
