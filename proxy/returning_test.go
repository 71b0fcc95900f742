//go:build linux

package proxy

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// forwarder passes connections on, as another balancer in between does. The address is set later.
func forwarder(t *testing.T, to *atomic.Value) string {
	return startNode(t, func(c net.Conn) {
		on, err := net.Dial("tcp", to.Load().(string))
		if err != nil {
			return
		}
		defer on.Close()
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(c, on)
			_ = c.(*net.TCPConn).CloseWrite()
		})
		_, _ = io.Copy(on, c)
		_ = on.(*net.TCPConn).CloseWrite()
		back.Wait()
	}).address()
}

// A CONNECT that comes back through another balancer is refused after some rounds. The refusal goes back to
// the first session, which tries another node: the client gets that one's CONNACK, and not through a chain.
func TestAClientThatComesBackThroughAnotherBalancerGoesElsewhere(t *testing.T) {
	var own atomic.Value
	loop, good := forwarder(t, &own), startNode(t, nil)
	r := prepare(t, []string{loop, good.address()}, confirming)
	own.Store(r.srv.Addr("mqtt").String())
	r.run()
	c := r.open(r.idOf(0))
	if n := r.numbers("mqtt").Accepted; n > mostReturns+1 {
		t.Errorf("one client has become %d connections", n)
	}
	if n := len(good.firstWrites()); n != 1 {
		t.Errorf("%d sessions reach the good node", n)
	}
	r.waitLine(`msg="a client comes back again and again before it has its CONNACK`)
	if log := r.log.String(); !strings.Contains(log, "node=node-a") {
		t.Errorf("the log does not name the node:\n%s", log)
	}
	eventually(t, "one session", func() bool { return r.numbers("mqtt").Open == 1 })
	_ = c.Close()
}

// Where every node leads back, the client is refused.
func TestAClientWhoseOnlyNodeLeadsBackIsRefused(t *testing.T) {
	var own atomic.Value
	loop := forwarder(t, &own)
	r := prepare(t, []string{loop}, confirming)
	own.Store(r.srv.Addr("mqtt").String())
	r.run()
	for range 3 {
		c := r.dial()
		c.send(connectAs("c1"))
		c.expect([]byte("\x20\x02\x00\x03"))
		_ = c.Close()
		eventually(t, "no session", func() bool { return r.numbers("mqtt").Open == 0 })
	}
	if n := r.numbers("mqtt").Accepted; n > 3*(mostReturns+1) {
		t.Errorf("3 clients have become %d connections", n)
	}
	for i := range r.srv.returns.slots {
		if n := r.srv.returns.slots[i].Load(); n != 0 {
			t.Errorf("a counter is left at %#x", n)
		}
	}
}

// Sessions that have a client's identifier and another password do not keep that client out, however many wait.
func TestNobodyWithoutItsPasswordKeepsAClientOut(t *testing.T) {
	withPassword := func(id, password string) []byte {
		b := append(connectAs(id), 0, 4, 'u', 's', 'e', 'r', 0, byte(len(password)))
		b = append(b, password...)
		b[1], b[9] = byte(len(b)-2), b[9]|0xC0
		return b
	}
	slow := startNode(t, func(c net.Conn) { // a broker whose authentication hangs if the password is wrong
		if bytes.HasSuffix(readConnectFrom(c, 0), []byte("right")) {
			_, _ = c.Write(connack311)
		}
		_, _ = io.Copy(io.Discard, c)
	})
	r := start(t, []string{slow.address()}, confirming)
	var waiting []*client
	for range mostReturns {
		c := r.dial()
		c.send(withPassword("victim", "wrong"))
		waiting = append(waiting, c)
	}
	eventually(t, "all wait for their CONNACK", func() bool { return r.node(0).Open() == mostReturns })
	victim := r.dial()
	victim.send(withPassword("victim", "right"))
	victim.expect(connack311)
	for _, c := range append(waiting, victim) {
		_ = c.Close()
	}
}
