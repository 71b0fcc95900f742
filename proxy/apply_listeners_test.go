package proxy

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// changes are successive changes of a listener that keeps its address.
var changes = []struct {
	name string
	of   setting
}{
	{"name", renamed("other")},
	{"pool", func(s *snapshot.Snapshot) { s.Listeners[0].Pool.SendProxy = 2 }},
	{"limits", func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections, s.MaxConnections = 100, 200 }},
	{"TLS on", func(s *snapshot.Snapshot) { s.Listeners[0].TLS = testTLS() }},
	{"TLS off", func(s *snapshot.Snapshot) { s.Listeners[0].TLS = nil }},
	{"to TCP", func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.TCP }},
	{"to WebSocket", wsToMQTT.set},
	{"to HTTP", httpToWS.set},
	{"to MQTT", func(s *snapshot.Snapshot) {
		ln := s.Listeners[0]
		ln.Protocol, ln.Routes, ln.Pool.WebSocket = snapshot.MQTT, nil, false
	}},
}

// onNodesOf gives pools of WebSocket nodes the second node and other pools the first.
func (r *rig) onNodesOf(mqtt, ws *node) setting {
	return func(s *snapshot.Snapshot) {
		r.on(pick(s.Listeners[0].Pool.WebSocket, ws, mqtt).address())(s)
	}
}

func TestListenerThatChangesKeepsItsSockets(t *testing.T) {
	mqtt, ws := startNode(t, nil), wsToWS.startNode(t, nil)
	r := start(t, []string{mqtt.address()}, onFreeAddress(t))
	r.forgotten = true
	to := r.srv.Addr("mqtt").(*net.TCPAddr)
	before := listening(t, to.Port)
	var sessions []*client
	for _, change := range changes {
		r.apply(change.of, r.onNodesOf(mqtt, ws))
		if now := listening(t, to.Port); now != before || now == "" {
			t.Errorf("%s: sockets %s, before %s", change.name, now, before)
		}
		if got := r.srv.Addr(r.snap.Listeners[0].Name); got != net.Addr(to) {
			t.Errorf("%s: at %v", change.name, got)
		}
		sessions = append(sessions, r.open("c1"))
		for _, c := range sessions {
			c.send([]byte(change.name))
			c.expect([]byte(change.name))
		}
	}
}

// A session speaks what it began with, and so does its line.
func TestSessionsKeepTheirProtocolInTheLog(t *testing.T) {
	mqtt := startNode(t, nil)
	r := start(t, []string{mqtt.address()}, onFreeAddress(t))
	plain := r.open("plain")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].TLS = testTLS() })
	secure := r.open("secure")
	_ = plain.Close()
	r.waitLine("pool=pool protocol=tcp")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].TLS = nil })
	_ = secure.Close()
	r.waitLine("pool=pool protocol=tls tls=TLSv1.3")
}

// The kernel completed these connections before the change, and the server accepts them after it.
func TestClientThatWaitsIsServedAsTheListenerIsNow(t *testing.T) {
	for _, change := range changes {
		t.Run(change.name, func(t *testing.T) {
			mqtt, ws := startNode(t, nil), wsToWS.startNode(t, nil)
			r := prepare(t, []string{mqtt.address()}, onFreeAddress(t))
			c := r.dialBare(r.srv.Addr("mqtt"))
			defer c.Close() // before the rig counts what is left
			r.apply(change.of, r.onNodesOf(mqtt, ws))
			r.run()
			c = r.handshakeAndUpgrade(c)
			c.send(connect311)
			c.expect(connack311)
		})
	}
}

func TestClientsOfABusyLoopAreServedAfterAChange(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()}, onFreeAddress(t))
	release := make(chan struct{})
	for _, l := range r.srv.engine.loops {
		l.Do(func() { <-release })
	}
	var clients []*client
	for range 40 {
		c := r.dial()
		c.send(connect311)
		clients = append(clients, c)
	}
	applied := make(chan error)
	snap := r.changed(renamed("other"), func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 50 })
	go func() { applied <- r.srv.Apply(snap) }() // ends when the loops are released
	close(release)
	if err := <-applied; err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		c.expect(connack311)
	}
	r.forgotten = true
}

func TestAddressesThatCannotAllBeBoundChangeNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := start(t, []string{startNode(t, nil).address()}, onFreeAddress(t))
	c := r.open("c1")
	first, second := proxytest.FreeAddr(t, "127.0.0.1"), filepath.Join(t.TempDir(), "second.sock")
	descriptors := proxytest.OpenDescriptors(t)
	for _, third := range []string{taken.Addr().String(), "127.0.0.1:none", r.snap.Listeners[0].Address} {
		err = r.tryApply(renamed("other"), another("first", "tcp", first), another("second", "unix", second), another("third", "tcp", third))
		if err == nil || !strings.Contains(err.Error(), `listener "third"`) {
			t.Fatalf("bound to %s: %v", third, err)
		}
		if third != "127.0.0.1:none" && !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("bound to %s: %v", third, err)
		}
		if n := proxytest.OpenDescriptors(t); n != descriptors {
			t.Errorf("%d descriptors open, %d before", n, descriptors)
		}
		for _, free := range [][2]string{{"tcp", first}, {"unix", second}} {
			ln, err := net.Listen(free[0], free[1])
			if err != nil {
				t.Fatal(err)
			}
			_ = ln.Close()
		}
	}
	if r.srv.Addr("mqtt") == nil || r.srv.Addr("other") != nil {
		t.Error("the listener has another name")
	}
	c.send([]byte("bytes"))
	c.expect([]byte("bytes"))
	r.open("c2")
}

// The kernel sees another spelling of an address as another address, and both are bound for a moment.
func TestListenerMovesToItsAddressInOtherWords(t *testing.T) {
	proxytest.WaitAbreast(t)
	_, port, _ := net.SplitHostPort(proxytest.FreeAddr(t, "127.0.0.1"))
	r := startShortWaits(t, []string{startNode(t, nil).address()}, at("tcp", ":"+port))
	to := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: r.srv.Addr("mqtt").(*net.TCPAddr).Port}
	open := func() *client {
		c := r.dialTo(to)
		c.send(connect311)
		c.expect(connack311)
		return c
	}
	sessions := []*client{open()}
	for _, host := range []string{"0.0.0.0", "127.0.0.1", "", "127.0.0.1", "0.0.0.0", ""} {
		r.apply(at("tcp", host+":"+port))
		sessions = append(sessions, open())
		for _, c := range sessions {
			c.send([]byte("bytes"))
			c.expect([]byte("bytes"))
		}
	}
	stats := r.srv.Stats()
	if n := stats.Listener("mqtt").Accepted; n != uint64(len(sessions)) {
		t.Errorf("%d accepted, want %d", n, len(sessions))
	}
}

// A port chosen by the kernel is kept while the listener keeps its name.
func TestListenerOnAPortOfTheKernelsChoiceKeepsIt(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	before := r.srv.Addr("mqtt").String()
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 10 }, another("second", "tcp", "127.0.0.1:0"))
	if now := r.srv.Addr("mqtt").String(); now != before || r.srv.Addr("second").String() == before {
		t.Errorf("%s and %s, before %s", now, r.srv.Addr("second"), before)
	}
	r.open("c1")
}
