//go:build linux

package bench

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// testTimeout ends a test that hangs; no test waits for it otherwise.
const testTimeout = 20 * time.Second

// serveBroker runs a stub broker for the test's life.
func serveBroker(t *testing.T) *Broker {
	t.Helper()
	b, err := ListenBroker("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
		b.Close()
	})
	return b
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func newFleet(t *testing.T, o Options) *Fleet {
	t.Helper()
	f, err := NewFleet(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// exchange connects everybody and publishes until n messages are acknowledged.
func exchange(t *testing.T, target netip.AddrPort, o Options, p Publishing, n uint64) *Stats {
	t.Helper()
	ctx := testContext(t)
	o.Targets = []netip.AddrPort{target}
	f := newFleet(t, o)
	if err := f.Publish(p); err != nil {
		t.Fatal(err)
	}
	if err := f.Connect(ctx); err != nil {
		t.Fatal(err, f.Stats())
	}
	s := f.Stats()
	if s.Connected != o.Clients {
		t.Fatalf("%d of %d clients connected: %v", s.Connected, o.Clients, s.Causes)
	}
	if err := f.Run(ctx, func() bool { return s.Acked >= n || s.Lost > 0 }); err != nil {
		t.Fatal(err, s)
	}
	if s.Lost > 0 {
		t.Fatalf("lost %d connections: %v", s.Lost, s.Causes)
	}
	return s
}

func TestEveryVersionAndQoSIsAcknowledged(t *testing.T) {
	b := serveBroker(t)
	for version := byte(3); version <= 5; version++ {
		for qos := byte(1); qos <= 2; qos++ {
			s := exchange(t, b.Addrs()[0],
				Options{Clients: 10, Version: version, Prefix: "p", KeepAlive: 60, Username: "u", Password: "s"},
				Publishing{Topic: "t/%i", QoS: qos, Size: 64, Inflight: 4}, 1000)
			if s.Ack.TotalCount() < 1000 {
				t.Errorf("version %d QoS %d: %d latencies recorded", version, qos, s.Ack.TotalCount())
			}
		}
	}
}
