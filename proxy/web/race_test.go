package web

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// atAddresses gives the first node of a rig these addresses.
func (r *rig) atAddresses(addrs ...string) {
	var all []netip.AddrPort
	for _, a := range addrs {
		all = append(all, netip.MustParseAddrPort(a))
	}
	r.pool.Nodes()[0].SetAddrs(all)
}

const refusingToo = "127.0.0.2:1"

func TestRequestReachesItsNodeAtTheNextAddress(t *testing.T) {
	v4, v6 := newNode(t, "a", nil), &node{t: t, name: "a"}
	v6.handler = http.HandlerFunc(v6.tell)
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip(err)
	} else {
		_ = ln.Close()
	}
	v6.start("[::1]:0")
	t.Cleanup(v6.kill)
	for name, addrs := range map[string][]string{
		"a dead address":           {refusedAddress, refusingToo, v4.address},
		"the other family":         {refusedAddress, v6.address},
		"black-holed addresses":    {busyAddress(t), busyAddress(t), busyAddress(t), busyAddress(t), busyAddress(t), v4.address},
		"black-holed, then a dead": {busyAddress(t), refusedAddress, v6.address},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, []*node{{name: "a", address: v4.address}}, func(_ *rig, s *setup) { s.DialTimeout = time.Hour })
			r.atAddresses(addrs...)
			for range 3 {
				if s := r.client().tell(http.MethodPost, "/", strings.NewReader("body"), "Host", "dash.example.com"); s.Node != "a" || s.Body != "body" || s.Host != "dash.example.com" {
					t.Errorf("the node sees %+v", s)
				}
			}
			if len(r.failed) != 1 { // the other requests use the first connection again
				t.Errorf("DialFailed was told %v", r.failed)
			}
		})
	}
}

// An idle connection to an address that has vanished is not used any more.
func TestRequestsUseTheNewAddressesOfANode(t *testing.T) {
	first, second := newNode(t, "first", nil), newNode(t, "second", nil)
	r := start(t, []*node{first})
	r.atAddresses(first.address, second.address)
	for _, step := range []struct {
		addrs []string
		want  string
	}{{[]string{first.address, refusedAddress}, "first"}, {[]string{refusedAddress, second.address}, "second"}, {[]string{first.address}, "first"}} {
		r.atAddresses(step.addrs...)
		for range 2 {
			if s := r.client().get("/"); s.Node != step.want {
				t.Errorf("%v: the answer is from %s", step.addrs, s.Node)
			}
		}
	}
}

func TestNodeFailsWhenAllItsAddressesDo(t *testing.T) {
	r := start(t, []*node{{name: "a", address: refusedAddress}}, func(_ *rig, s *setup) { s.DialTimeout = time.Second })
	for _, addrs := range [][]string{{refusedAddress, refusingToo}, {busyAddress(t), refusedAddress}, {busyAddress(t), busyAddress(t)}} {
		r.failed = nil
		r.atAddresses(addrs...)
		r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
		if len(r.failed) != 1 {
			t.Errorf("%v: DialFailed was told %v", addrs, r.failed)
		}
	}
}

// A listener of this process is not dialled. The node may have another address.
func TestAddressThatMayNotBeDialledIsLeftOut(t *testing.T) {
	own, other := newNode(t, "own", nil), newNode(t, "other", nil)
	r := start(t, []*node{own}, func(_ *rig, s *setup) {
		s.MayDial = func(to netip.AddrPort) error {
			if to.String() == own.address {
				return errors.New("a listener of this process")
			}
			return nil
		}
	})
	r.atAddresses(own.address, other.address)
	if s := r.client().get("/"); s.Node != "other" {
		t.Errorf("the answer is from %s", s.Node)
	}
	r.atAddresses(own.address)
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
}

// Something in front of a node may accept a connection and close it.
func TestNodeThatClosesInTheTLSHandshakeIsReachedAtTheNextAddress(t *testing.T) {
	ca := proxytest.NewCA("a CA")
	a := newTLSNode(t, "a", nil, &tls.Config{Certificates: []tls.Certificate{ca.Issue("a.test").TLS}})
	closing := proxytest.Serve(t, "127.0.0.1:0", func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1)) })
	r := start(t, []*node{a}, withSecure(ca))
	r.atAddresses(closing, a.address)
	if s := r.client().get("/"); s.Node != "a" {
		t.Errorf("the answer is from %s", s.Node)
	}
	r.atAddresses(closing, refusedAddress)
	r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
}

func TestClientThatLeavesEndsAllConnectionsToItsNode(t *testing.T) {
	r := start(t, []*node{{name: "a", address: refusedAddress}}, func(_ *rig, s *setup) { s.DialTimeout = time.Hour })
	r.atAddresses(busyAddress(t), busyAddress(t))
	c, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request", func() bool { return r.pool.Nodes()[0].Open() == 1 })
	_ = c.Close()
	eventually(t, "its end", func() bool { return r.pool.Nodes()[0].Open() == 0 })
}
