package proxy

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"mqttlb/proxy/outcome"
)

// A node that leads back to the process over another address, as a NAT or another balancer does, gets one
// client a bounded number of times. The client is refused then, and all places are free again.
func TestAClientThatComesBackFromItsNodeIsRefused(t *testing.T) {
	var r *rig
	back := startNode(t, func(c net.Conn) {
		to, err := net.Dial("tcp", r.srv.Addr("mqtt").String())
		if err != nil {
			return
		}
		defer to.Close()
		go func() { // ends with to
			_, _ = io.Copy(to, c)
			_ = to.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(c, to)
	})
	r = start(t, []string{back.address()})
	c := r.dial()
	c.send(connectAs("c1"))
	if got := c.rest(); string(got) != "\x20\x02\x00\x03" {
		t.Errorf("% x", got)
	}
	_ = c.Close()
	r.waitLine(`level=WARN msg="a node of the pool probably leads back to this process`)
	r.waitLine("64 clients with this identifier and address wait for their CONNACK")
	if n := r.outcomes(outcome.DialFailed); n != 1 {
		t.Errorf("%d refused", n)
	}
	if n := r.numbers("mqtt").Accepted; n != mostWaiting+1 {
		t.Errorf("one client has become %d connections", n)
	}
	eventually(t, "no session", func() bool { return r.numbers("mqtt").Open == 0 })
	for i := range r.srv.loops.waiting {
		if n := r.srv.loops.waiting[i].Load(); n != 0 {
			t.Errorf("%d clients wait", n)
		}
	}
}

func TestOnlyClientsThatAreAlikeCountTogether(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	g, a, b := &r.srv.loops, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	all := make([]guarded, mostWaiting)
	for i := range all {
		var ok bool
		if all[i], ok = g.enter("c1", a); !ok {
			t.Fatalf("client %d is refused", i)
		}
		if _, ok := g.enter("", a); !ok {
			t.Fatal("a client without an identifier is refused")
		}
	}
	if _, ok := g.enter("c1", a); ok {
		t.Error("the last one is not refused")
	}
	for id, from := range map[string]netip.Addr{"c1": b, "c2": a} {
		if c, ok := g.enter(id, from); !ok {
			t.Errorf("%s of %v is refused", id, from)
		} else {
			c.leave()
		}
	}
	all[0].leave()
	all[0].leave()
	if c, ok := g.enter("c1", a); !ok {
		t.Error("a place that was left is not free")
	} else {
		c.leave()
	}
	if c, ok := g.enter("c1", a); !ok {
		t.Error("it was left twice, and counts twice")
	} else if _, ok := g.enter("c1", a); ok {
		t.Error("a place that was left once is free twice")
	} else {
		c.leave()
	}
}
