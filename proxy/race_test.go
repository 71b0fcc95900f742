//go:build linux

package proxy

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/walk"
)

// refusingToo is another address where nobody listens.
const refusingToo = "127.0.0.2:1"

// atAddresses gives the first node of a rig these addresses.
func (r *rig) atAddresses(addrs ...string) {
	var all []netip.AddrPort
	for _, a := range addrs {
		all = append(all, netip.MustParseAddrPort(a))
	}
	r.node(0).SetAddrs(all)
}

// only returns the counters of the one flow of a rig.
func (r *rig) only() FlowStats { return r.srv.Stats().Flows[0] }

func TestNodeWithADeadFirstAddressIsReachedAtTheNext(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		n := m.startNode(t, nil)
		r := m.start(t, []string{n.address()})
		r.atAddresses(refusing, refusingToo, n.address())
		r.open("c1")
		if f := r.only(); f.DialErrors != 0 || f.PassedOver != 2 || f.Total != 1 {
			t.Errorf("%d failed attempts, %d addresses passed over, %d sessions; want 0, 2, 1", f.DialErrors, f.PassedOver, f.Total)
		}
		if at := r.node(0).OpenAt(); at[netip.MustParseAddrPort(n.address())] != 1 {
			t.Errorf("the sessions are at %v", at)
		}
		r.waitLine(refusingToo + ": connection refused")
		r.node(0).SetBadAddrs(r.node(0).Addrs()[:2]) // the probes have found out
		r.open("c2")
		if f := r.only(); f.PassedOver != 2 || f.Total != 2 {
			t.Errorf("%d addresses passed over, %d sessions; want 2, 2", f.PassedOver, f.Total)
		}
	})
}

func TestNodeIsReachedAtAnAddressOfTheOtherFamily(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	_ = ln.Close()
	inEachMode(t, func(t *testing.T, m mode) {
		n := m.startNodeAt(t, "[::1]:0")
		r := m.start(t, []string{n.address()})
		r.atAddresses(refusing, n.address())
		r.open("c1")
		r.atAddresses(fullListener(t), n.address())
		r.open("c2")
	})
}

// The kernel drops the SYNs of the first addresses. The session does not wait for them until its time is over.
func TestNodeWithABlackHoledAddressIsReachedAtTheNextBesideIt(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		n := m.startNode(t, nil)
		r := m.start(t, []string{n.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = time.Hour })
		var dropping []string
		for range walk.MostAbreast + 1 { // more than are dialled at the same time
			dropping = append(dropping, fullListener(t))
		}
		r.atAddresses(append(dropping, n.address())...)
		r.open("c1")
		if f := r.only(); f.DialErrors != 0 || f.PassedOver != walk.MostAbreast+1 {
			t.Errorf("%d failed attempts, %d addresses passed over", f.DialErrors, f.PassedOver)
		}
	})
}

// An address that was passed over may still win.
func TestFirstConnectionThatIsMadeWins(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		address, serve := lateListener(t)
		n := m.startNode(t, nil)
		r := m.start(t, []string{n.address()})
		other := fullListener(t)
		r.atAddresses(address, other)
		c := r.dial()
		c.send(connect311)
		eventually(t, "a connection to each", func() bool { return connecting(t, address) && connecting(t, other) })
		serve(n)
		c.expect(connack311)
	})
}

func TestNodeWithOnlyDeadAddressesFailsOnce(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		var failed atomic.Int32
		r := m.startShortWaits(t, []string{refusing}, func(s *snapshot.Snapshot) {
			s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { failed.Add(1) }
		})
		r.atAddresses(refusing, refusingToo)
		c := r.dial()
		c.send(connect311)
		c.rest()
		r.waitOutcome(outcome.DialFailed, 1)
		r.waitLine("node-a: " + refusing + ": connection refused; " + refusingToo + ": connection refused")
		if f := r.only(); f.DialErrors != 1 || f.PassedOver != 0 || failed.Load() != 1 {
			t.Errorf("%d failed attempts, %d addresses passed over, %d reports; want 1, 0, 1", f.DialErrors, f.PassedOver, failed.Load())
		}
	})
}

func TestNodeWithOnlyBlackHoledAddressesTimesOutAtAll(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		first, second := fullListener(t), fullListener(t)
		r := m.startShortWaits(t, []string{first}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = time.Second })
		r.atAddresses(first, second)
		c := r.dial()
		c.send(connect311)
		c.rest()
		r.waitOutcome(outcome.DialFailed, 1)
		late := ": no connection "
		r.waitLine("node-a: " + first + late)
		r.waitLine("; " + second + late)
		if f := r.only(); f.DialErrors != 1 {
			t.Errorf("%d failed attempts, want 1", f.DialErrors)
		}
	})
}

func TestClientThatLeavesEndsAllConnectionsToItsNode(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		first, second := fullListener(t), fullListener(t)
		r := m.start(t, []string{first})
		r.atAddresses(first, second)
		c := r.dial()
		c.send(connect311)
		eventually(t, "a connection to each", func() bool { return connecting(t, first) && connecting(t, second) })
		c.reset()
		r.waitOutcome(outcome.ClientGone, 1)
		eventually(t, "no connection", func() bool { return !connecting(t, first) && !connecting(t, second) })
	})
}

func TestStopEndsAllConnectionsToANode(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		first, second := fullListener(t), fullListener(t)
		r := m.start(t, []string{first}, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
		r.atAddresses(first, second)
		c := r.dial()
		c.send(connect311)
		eventually(t, "a connection to each", func() bool { return connecting(t, first) && connecting(t, second) })
		r.stop()
		r.waitOutcome(outcome.Shutdown, 1)
		if connecting(t, first) || connecting(t, second) {
			t.Error("a connection is left")
		}
	})
}

// Something in front of a node may accept a connection and close it.
func TestNodeThatClosesInTheTLSHandshakeIsReachedAtTheNextAddress(t *testing.T) {
	for _, m := range []mode{mqttToMQTTS, wssToWSS} {
		t.Run(m.name, func(t *testing.T) {
			n := m.startNode(t, nil)
			closing := startNode(t, func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 1)) })
			r := m.startShortWaits(t, []string{n.address()})
			r.atAddresses(closing.address(), n.address())
			r.open("c1")
			if f := r.only(); f.DialErrors != 0 || f.PassedOver != 1 {
				t.Errorf("%d failed attempts, %d addresses passed over", f.DialErrors, f.PassedOver)
			}
			r.atAddresses(closing.address(), refusing)
			c := r.dial()
			c.send(connectAs("c2"))
			c.rest()
			r.waitLine("node-a: " + closing.address() + ": TLS: the node closed the connection during the handshake; " + refusing + ": connection refused")
		})
	}
}

// A client on a Unix socket has no address: the PROXY header names the connection to the node.
func TestProxyHeaderNamesTheAddressThatWasReached(t *testing.T) {
	n := startNode(t, nil)
	path := filepath.Join(t.TempDir(), "mqtt.sock")
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Network, s.Listeners[0].Address = "unix", path
		s.Listeners[0].Pool.SendProxy = 1
	})
	for i, dead := range []string{refusing, fullListener(t)} {
		r.atAddresses(dead, n.address())
		r.open(fmt.Sprint("c", i))
		first, _, _ := strings.Cut(string(n.firstWrites()[i]), "\r\n")
		var source, destination string
		var from, to uint16
		if _, err := fmt.Sscanf(first, "PROXY TCP4 %s %s %d %d", &source, &destination, &from, &to); err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if got := fmt.Sprintf("%s:%d", destination, to); got != n.address() {
			t.Errorf("the header names %s, not %s", got, n.address())
		}
	}
}

// Sessions keep the address that they have reached. New ones use the new list.
func TestSessionsStayWhenTheirAddressVanishes(t *testing.T) {
	first, second := startNode(t, nil), startNode(t, nil)
	r := start(t, []string{first.address()})
	r.atAddresses(first.address(), second.address())
	old := r.open("old")
	r.atAddresses(second.address(), refusing)
	r.open("new")
	old.send([]byte("still here"))
	old.expect([]byte("still here"))
	if len(first.firstWrites()) != 1 || len(second.firstWrites()) != 1 {
		t.Errorf("%d and %d sessions", len(first.firstWrites()), len(second.firstWrites()))
	}
	want := map[string]int64{first.address(): 1, second.address(): 1, refusing: 0}
	if at := r.node(0).OpenAt(); fmt.Sprint(at) != fmt.Sprint(parsed(want)) {
		t.Errorf("the sessions are at %v", at)
	}
}

func parsed(of map[string]int64) map[netip.AddrPort]int64 {
	at := map[netip.AddrPort]int64{}
	for a, n := range of {
		at[netip.MustParseAddrPort(a)] = n
	}
	return at
}

// startNodeAt is startNode at another address.
func (m mode) startNodeAt(t *testing.T, address string) *node {
	t.Helper()
	n := m.startNode(t, nil)
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = n.listener.Close()
	n.wg.Wait()
	n.listener = ln
	n.wg.Go(n.accept)
	return n
}

// lateListener is fullListener, but serve has a node accept its connections from now on.
func lateListener(t *testing.T) (address string, serve func(*node)) {
	t.Helper()
	address, fd := fullSocket(t)
	return address, func(n *node) {
		file := os.NewFile(uintptr(fd), "")
		ln, err := net.FileListener(file)
		_ = file.Close()
		if err != nil {
			t.Error(err)
			return
		}
		_ = n.listener.Close()
		n.wg.Wait()
		n.listener = ln
		n.wg.Go(n.accept)
	}
}

// connecting reports whether a connection to an address is being made.
func connecting(t *testing.T, address string) bool {
	t.Helper()
	to := netip.MustParseAddrPort(address)
	ip := to.Addr().As4()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	const synSent = "02"
	return strings.Contains(string(table), fmt.Sprintf(" %02X%02X%02X%02X:%04X %s ", ip[3], ip[2], ip[1], ip[0], to.Port(), synSent))
}
