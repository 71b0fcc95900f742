package proxy

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// startKeepingPorts starts a server that releases no port before it stops.
func startKeepingPorts(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	r := prepare(t, nodes, settings...)
	r.srv.waits.portRelease = time.Hour
	r.run()
	return r
}

// connects reports whether a client can connect within a time that is enough for a living listener.
func (r *rig) connects(network, address string) bool {
	ctx, cancel := context.WithTimeout(r.t.Context(), 500*time.Millisecond)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// A client counts as connected once the kernel has completed the handshake, before any loop knows of
// it.
func TestRemovedListenerServesWhoHasConnected(t *testing.T) {
	proxytest.WaitAbreast(t)
	for _, protocol := range []snapshot.Protocol{snapshot.MQTT, snapshot.TCP} { // listeners whose clients speak first wait for them
		t.Run(fmt.Sprint(protocol), func(t *testing.T) {
			address := proxytest.FreeAddr(t, "127.0.0.1")
			r := startKeepingPorts(t, []string{startNode(t, nil).address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = protocol }, another("second", "tcp", address))
			to := r.srv.Addr("second").(*net.TCPAddr)
			before := listening(t, to.Port)
			open := r.dialTo(to)
			open.send(connect311)
			open.expect(connack311)
			late := r.dialTo(to)
			r.apply(onlyFirst)
			if r.srv.Addr("second") != nil {
				t.Error("the listener has an address")
			}
			if r.connects("tcp", address) {
				t.Error("a client connects to a listener that is gone")
			}
			late.send(connect311)
			late.expect(connack311)

			r.apply(another("again", "tcp", address))
			if now := listening(t, to.Port); now != before {
				t.Errorf("sockets %s, before %s", now, before)
			}
			again := r.dialTo(to)
			again.send(connect311)
			again.expect(connack311)
			open.send([]byte("bytes"))
			open.expect([]byte("bytes"))
		})
	}
}

func TestAddressOfARemovedListenerIsFreeAfterAWhile(t *testing.T) {
	address := proxytest.FreeAddr(t, "127.0.0.1")
	r := startShortWaits(t, []string{startNode(t, nil).address()}, another("second", "tcp", address))
	to := r.srv.Addr("second").(*net.TCPAddr)
	for range 3 {
		open := r.dialTo(to)
		open.send(connect311)
		open.expect(connack311)
		r.apply(onlyFirst)
		eventually(t, "the address to be free", func() bool {
			ln, err := net.Listen("tcp", address)
			if err == nil {
				_ = ln.Close()
			}
			return err == nil
		})
		r.apply(another("second", "tcp", address))
		open.send([]byte("bytes"))
		open.expect([]byte("bytes"))
	}
}

// A path is free at once: another socket may be there while clients of the old one are accepted.
func TestUnixSocketIsRemovedAndAddedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	for _, start := range []func(*testing.T, []string, ...setting) *rig{startKeepingPorts, startShortWaits} {
		r := start(t, []string{startNode(t, nil).address()}, another("second", "unix", path))
		descriptors := 0
		for i := range 4 {
			to := r.srv.Addr("second")
			open := r.dialTo(to)
			open.send(connect311)
			open.expect(connack311)
			r.apply(onlyFirst)
			if r.connects("unix", path) {
				t.Error("a client connects to a listener that is gone")
			}
			open.send([]byte("bytes"))
			open.expect([]byte("bytes"))
			_ = open.Close()
			eventually(t, "its end", func() bool { n := r.numbers("second"); return n == nil || n.Open == 0 })
			if r.srv.waits.portRelease < time.Second {
				eventually(t, "the sockets of before to be closed", func() bool {
					n := proxytest.OpenDescriptors(t)
					if i == 0 {
						descriptors = n
					}
					return n <= descriptors
				})
			}
			r.apply(another("second", "unix", path))
		}
		r.stop()
		if r.connects("unix", path) {
			t.Error("a client connects after the stop")
		}
	}
}

// A server that does not run yet has no loop that could accept the clients of a released port.
func TestPortIsNotGivenUpBeforeTheServerRuns(t *testing.T) {
	address := proxytest.FreeAddr(t, "127.0.0.1")
	r := prepare(t, []string{startNode(t, nil).address()}, another("second", "tcp", address), func(s *snapshot.Snapshot) {
		s.Timeouts.ConnectPacket = time.Hour
	})
	r.srv.waits.portRelease = time.Nanosecond
	to := r.srv.Addr("second").(*net.TCPAddr)
	before := listening(t, to.Port)
	c := r.dialTo(to)
	defer c.Close() // before the rig counts what is left
	c.send(connect311)
	r.apply(onlyFirst)
	for range 5 {
		if now := listening(t, to.Port); now != before {
			t.Fatalf("sockets %s, before %s", now, before)
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // the longer, the surer it is that the port is kept
	}
	r.run()
	c.expect(connack311)
	eventually(t, "the port to be given up", func() bool { return listening(t, to.Port) == "" })
}

func TestServerThatIsClosedBeforeItRunsLeavesNothing(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}) // it makes the snapshots
	r.stop()
	left := proxytest.LeftAfter(t)
	srv, err := New(r.changed(at("tcp", "127.0.0.1:0"), another("second", "tcp", "127.0.0.1:0")), r.srv.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(r.changed(at("tcp", "127.0.0.1:0"), removedAt(10), r.on(refusing, refusing))); err != nil {
		t.Fatal(err)
	}
	if err := srv.Apply(r.changed(at("tcp", "127.0.0.1:0"), removedAt(10), r.on(refusing))); err != nil {
		t.Fatal(err)
	}
	srv.Close()
	srv.Close()
	left()
	if err := srv.Apply(r.snap); err != ErrStopping {
		t.Errorf("applied after Close: %v", err)
	}
}

// numbers returns the counters of a listener, or nil if there are none.
func (r *rig) numbers(listener string) *ListenerStats {
	stats := r.srv.Stats()
	return stats.Listener(listener)
}

func TestSessionsOfARemovedListenerAreCountedUntilTheyEnd(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, onFreeAddress(t), another("second", "tcp", "127.0.0.1:0"))
	c := r.dialTo(r.srv.Addr("second"))
	c.send(connect311)
	c.expect(connack311)
	r.open("of the first")
	for _, change := range []setting{onlyFirst, renamed("other"), renamed("mqtt")} {
		r.apply(change)
		c.send([]byte("bytes"))
		c.expect([]byte("bytes"))
		if n := r.numbers("second"); n == nil || n.Open != 1 || n.Accepted != 1 {
			t.Fatalf("%+v, want one session", n)
		}
		if n := r.numbers(r.snap.Listeners[0].Name); n == nil || n.Outcomes[outcome.ClientClosed] != 0 {
			t.Fatalf("%+v of the first", n)
		}
	}
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	if n := r.numbers("second"); n == nil || n.Open != 0 {
		t.Errorf("%+v, want its end counted", n)
	}
	r.apply()
	if n := r.numbers("second"); n != nil {
		t.Errorf("%+v, want nothing left", n)
	}
	for _, f := range r.srv.Stats().Flows {
		if f.Listener == "second" {
			t.Errorf("%+v, want nothing left", f)
		}
	}
}

// The counters belong to the listener's name and continue when its address or protocol changes.
func TestCountersOfAListenerDoNotGoBack(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, onFreeAddress(t))
	toTCP := func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP }
	for i, change := range []setting{onFreeAddress(t), toTCP, onFreeAddress(t), func(*snapshot.Snapshot) {}} {
		c := r.open("c1")
		_ = c.Close()
		r.waitOutcome(outcome.ClientClosed, uint64(i+1))
		r.apply(change)
		if n := r.numbers("mqtt"); n.Accepted != uint64(i+1) || n.Outcomes[outcome.ClientClosed] != uint64(i+1) {
			t.Errorf("%d accepted and %d ended, want %d", n.Accepted, n.Outcomes[outcome.ClientClosed], i+1)
		}
	}
}
