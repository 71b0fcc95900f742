//go:build linux

package proxy

import (
	"bufio"
	"net/netip"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A node whose host name resolves to a listener of ours gets nobody: one client would come back without end.
// Its pool's other nodes serve.
func TestANodeThatIsAListenerOfOursIsNotDialled(t *testing.T) {
	for name, listen := range map[string]string{"the address itself": "127.0.0.1:0", "all addresses": ":0", "all of IPv4": "0.0.0.0:0"} {
		t.Run(name, func(t *testing.T) {
			good := startNode(t, nil)
			r := start(t, []string{"self.example:1", good.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Address = listen })
			port := netip.MustParseAddrPort(r.srv.Addr("mqtt").String()).Port()
			r.node(0).SetAddrs([]netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)})
			_ = r.open(r.idOf(0)).Close()
			r.waitLine(`msg="node is a listener of this process and gets no sessions: they would come back without end" node=node-a pool=pool address=self.example:1`)
			r.waitLine("listener=mqtt setting=pools[].nodes[].address")
			if err := r.node(0).Unusable(); err == nil {
				t.Error("the health checks do not know")
			}
			if n := r.numbers("mqtt").Accepted; n != 1 {
				t.Errorf("one client has become %d connections", n)
			}
			r.node(0).SetAddrs([]netip.AddrPort{netip.MustParseAddrPort(good.address())})
			_ = r.open(r.idOf(0)).Close()
			r.waitLine(`msg="node is no listener of this process any more" node=node-a`)
			r.waitOutcome(outcome.ClientClosed, 2)
		})
	}
}

// One of its addresses may lead back to us, as where a name has that of this host, too.
func TestAnAddressThatIsAListenerOfOursIsLeftOut(t *testing.T) {
	good := startNode(t, nil)
	r := start(t, []string{"self.example:1"})
	own := r.srv.Addr("mqtt").String()
	r.atAddresses(own, good.address())
	_ = r.open("c1").Close()
	r.waitLine(`msg="an address of a node is a listener of this process and is not dialled: sessions would come back without end" node=node-a`)
	n := r.node(0)
	eventually(t, "what the health checks know", func() bool { return n.UnusableAt(netip.MustParseAddrPort(own)) != nil })
	if n.Unusable() != nil || n.UnusableAt(netip.MustParseAddrPort(good.address())) != nil {
		t.Error("the other address is not used")
	}
	if n := r.numbers("mqtt").Accepted; n != 1 {
		t.Errorf("one client has become %d connections", n)
	}
	r.waitOutcome(outcome.ClientClosed, 1)
}

// An address on another interface, or another port, is another server.
func TestOtherServersOnThisHostAreNoListenersOfOurs(t *testing.T) {
	g := &generation{own: map[uint16][]ownAddress{
		1883: {{"a", netip.MustParseAddrPort("127.0.0.1:1883")}},
		1884: {{"b", netip.MustParseAddrPort("0.0.0.0:1884")}},
		1885: {{"c", netip.MustParseAddrPort("[::]:1885")}},
	}}
	var host hostAddresses
	host.list.Store(&map[netip.Addr]bool{netip.MustParseAddr("10.0.0.5"): true, netip.MustParseAddr("fe80::5"): true})
	for address, want := range map[string]string{
		"127.0.0.1:1883": "a", "127.0.0.2:1883": "", "127.0.0.1:1882": "", "10.0.0.5:1883": "",
		"127.0.0.7:1884": "b", "10.0.0.5:1884": "b", "10.0.0.6:1884": "", "[::1]:1884": "",
		"10.0.0.5:1885": "c", "[::1]:1885": "c", "127.0.0.1:1885": "c", "10.0.0.6:1885": "",
		"[fe80::5%eth0]:1885": "c", "[fe80::6%eth0]:1885": "",
	} {
		if got := g.listenerAt(netip.MustParseAddrPort(address), &host); got != want {
			t.Errorf("%s is listener %q, want %q", address, got, want)
		}
	}
}

// A request for a node that is a listener of ours fails, and does not come back either.
func TestARequestForAListenerOfOursIsNotSent(t *testing.T) {
	r := start(t, []string{"self.example:1"}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Protocol = snapshot.HTTP
		s.Listeners[0].Routes = []snapshot.Route{{Pool: s.Listeners[0].Pool}}
	})
	r.node(0).SetAddrs([]netip.AddrPort{netip.MustParseAddrPort(r.srv.Addr("mqtt").String())})
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "HTTP/1.1 502 Bad Gateway\r\n" && line != "HTTP/1.1 503 Service Unavailable\r\n" {
		t.Errorf("%q, %v", line, err)
	}
	if n := r.numbers("mqtt").Accepted; n != 1 {
		t.Errorf("one request has become %d connections", n)
	}
}
