package proxy

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// tenPorts leaves ten source ports for each pair of addresses. It is called after the listeners are there, which have
// ports of the usual range.
func tenPorts(t *testing.T) { proxytest.Sysctl(t, "ipv4/ip_local_port_range", "20000 20009") }

// fromSources lets connections to nodes begin at some addresses.
func fromSources(b *source.Book, addresses ...string) setting {
	return func(s *snapshot.Snapshot) {
		var all []netip.Addr
		for _, a := range addresses {
			all = append(all, netip.MustParseAddr(a))
		}
		s.Listeners[0].Pool.Source = b.New("pool", all, slog.New(slog.DiscardHandler))
	}
}

// crowd opens sessions from addresses of their own, since the ports of clients are few, too.
type crowd struct {
	*rig
	came int
}

// dial connects one more client.
func (c *crowd) dial() *client {
	c.t.Helper()
	c.came++
	return c.dialAs(fmt.Sprintf("127.1.%d.%d", c.came/200, 1+c.came%200), c.srv.Addr("mqtt"))
}

// open opens one more session.
func (c *crowd) open() *client {
	c.t.Helper()
	cl := c.dial()
	cl.send(connectAs(fmt.Sprint("device-", c.came)))
	cl.expect(connack311)
	return cl
}

// dialAs connects from an address, and takes no port that another address may use.
func (r *rig) dialAs(source string, to net.Addr) *client {
	r.t.Helper()
	return r.dialWith(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = reactor.SetSource(int32(fd), netip.Addr{}, false) })
	}}, to)
}

// usesOf returns the connections of each source.
func usesOf(b *source.Book) map[string]int64 {
	all := map[string]int64{}
	for _, u := range b.Uses() {
		all[u.Source().String()] += u.Open()
	}
	return all
}

// With three addresses a node has three times as many sessions. The next one is refused as busy, and that is no fault of
// the node.
func TestSourcesCarryMoreSessionsThanTheirPorts(t *testing.T) {
	if !proxytest.OwnNetwork(t) {
		return
	}
	n := startNode(t, nil)
	var blamed atomic.Int64
	book := new(source.Book)
	r := start(t, []string{n.address()}, fromSources(book, "127.0.0.2", "127.0.0.3", "127.0.0.4"), func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.DialFailed = func(*balancer.Node) { blamed.Add(1) }
	})
	tenPorts(t)
	c := &crowd{rig: r}
	sessions := []*client{}
	for range 30 {
		sessions = append(sessions, c.open())
	}
	if got := usesOf(book); got["127.0.0.2"] != 10 || got["127.0.0.3"] != 10 || got["127.0.0.4"] != 10 {
		t.Errorf("the sessions are spread as %v", got)
	}
	r.wantAgreement("with all ports in use", 30)
	for range 2 { // the second one without a look at the ports
		for connect, refusal := range map[string]string{
			string(connect5):   "\x20\x03\x00\x89\x00",
			string(connect311): "\x20\x02\x00\x03",
		} {
			late := c.dial()
			late.send([]byte(connect))
			late.expect([]byte(refusal))
			late.rest()
		}
	}
	r.waitOutcome(outcome.PortsExceeded, 4)
	r.waitLine("no port of source 127.0.0.")
	flow := r.srv.Stats().Flows[0]
	if node := r.node(0); blamed.Load() != 0 || flow.DialErrors != 0 || flow.Shortages != 4 || node.IsOutlier() {
		t.Errorf("the node is blamed: its probes hear of it %d times, %d dial errors, %d shortages, outlier %t",
			blamed.Load(), flow.DialErrors, flow.Shortages, node.IsOutlier())
	}
	// The port of a session that ends is used again, after its TIME_WAIT.
	_ = sessions[7].Close()
	eventually(t, "the end of a session", func() bool { return r.node(0).Open() == 29 })
	eventually(t, "a session on its port", func() bool {
		next := c.dial()
		next.send(connect311)
		answer := make([]byte, len(connack311))
		_, err := io.ReadFull(next, answer)
		if err != nil || !slices.Equal(answer, connack311) {
			_ = next.Close()
			return false
		}
		sessions = append(sessions, next)
		return true
	})
	for _, s := range sessions {
		_ = s.Close()
	}
	eventually(t, "the end of all sessions", func() bool { return len(usesOf(book)) == 0 })
}

// A new session finds another source when the first one that is tried has no port left, though it has no connection of
// ours.
func TestASourceWithoutPortsIsPassedOver(t *testing.T) {
	if !proxytest.OwnNetwork(t) {
		return
	}
	n := startNode(t, nil)
	book := new(source.Book)
	r := start(t, []string{n.address()}, fromSources(book, "127.0.0.2", "127.0.0.3"))
	tenPorts(t)
	c := &crowd{rig: r}
	for range 10 { // another program's
		c.dialAs("127.0.0.2", n.listener.Addr())
	}
	for range 10 {
		c.open()
	}
	if got := usesOf(book); got["127.0.0.3"] != 10 || len(got) != 1 {
		t.Errorf("the sessions are spread as %v", got)
	}
	r.wantAgreement("with one source full", 10)
}

// Without source addresses the error names what to do.
func TestExhaustionWithoutSourcesBlamesNoNode(t *testing.T) {
	if !proxytest.OwnNetwork(t) {
		return
	}
	n := startNode(t, nil)
	r := start(t, []string{n.address()})
	tenPorts(t)
	c := &crowd{rig: r}
	for range 10 {
		c.open()
	}
	late := c.dial()
	late.send(connect5)
	late.expect([]byte("\x20\x03\x00\x89\x00"))
	r.waitOutcome(outcome.PortsExceeded, 1)
	r.waitLine("no source port is left for " + n.address())
	if flow := r.srv.Stats().Flows[0]; flow.DialErrors != 0 || flow.Shortages != 1 {
		t.Errorf("%d dial errors, %d shortages", flow.DialErrors, flow.Shortages)
	}
}

// An address that is not of this host is not used; the others are. Without any, no node is blamed.
func TestASourceThatIsNoAddressOfThisHost(t *testing.T) {
	n := startNode(t, nil)
	book := new(source.Book)
	r := start(t, []string{n.address()}, fromSources(book, "203.0.113.1", "127.0.0.2"))
	for i := range 6 {
		r.open(fmt.Sprint("device-", i))
	}
	if got := usesOf(book); got["127.0.0.2"] != 6 || len(got) != 1 {
		t.Errorf("the sessions are spread as %v", got)
	}
	r.apply(fromSources(book, "203.0.113.1", "203.0.113.2"))
	late := r.dial()
	late.send(connect5)
	late.expect([]byte("\x20\x03\x00\x89\x00"))
	r.waitOutcome(outcome.NoSource, 1)
	r.waitLine("source 203.0.113.")
	r.waitLine("is no address of this host, see pools[].source")
	if flow := r.srv.Stats().Flows[0]; flow.DialErrors != 0 || flow.Shortages != 1 {
		t.Errorf("%d dial errors, %d shortages", flow.DialErrors, flow.Shortages)
	}
	if got := usesOf(book); got["127.0.0.2"] != 6 {
		t.Errorf("after the reload the sessions are spread as %v", got)
	}
	r.wantAgreement("after the reload", 6)
	// Its connections count again once it is back.
	r.apply(fromSources(book, "127.0.0.2", "127.0.0.3"))
	for i := range 6 {
		r.open(fmt.Sprint("another-", i))
	}
	if got := usesOf(book); got["127.0.0.2"] != 6 || got["127.0.0.3"] != 6 {
		t.Errorf("after the second reload the sessions are spread as %v", got)
	}
}

// Nodes of a transparent pool see the addresses of their clients.
func TestTransparentNodesSeeTheAddressesOfClients(t *testing.T) {
	if !proxytest.OwnNetwork(t) { // in which this process has the capability
		return
	}
	n := startNode(t, nil)
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) { s.Listeners[0].Pool.Source = source.Transparent() })
	var want []string
	for i := range 3 {
		from := fmt.Sprintf("127.1.0.%d", i+1)
		want = append(want, from)
		c := r.dialFrom(from)
		c.send(connect311)
		c.expect(connack311)
	}
	var got []string
	n.mu.Lock()
	for _, c := range n.conns {
		got = append(got, netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().String())
	}
	n.mu.Unlock()
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the node sees %v, want %v", got, want)
	}
}
