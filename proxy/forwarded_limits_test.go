package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// Fifty clients behind one proxy have the limit of an address each, and the proxy has none.
func TestClientsBehindAnHTTPProxyAreLimitedByTheirOwnAddress(t *testing.T) {
	needLoopbackNetwork(t)
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()}, behindProxy127, perAddress(2, 0))
			var first []*client
			for i := range 50 {
				address := fmt.Sprint("203.0.113.", i)
				first = append(first, r.openForwarded(address))
				r.openForwarded("192.0.2.66, " + address)
			}
			for i := range 5 {
				r.refuseForwarded(fmt.Sprint("203.0.113.", i))
				r.refuseForwarded(fmt.Sprintf("203.0.113.%d:%d", i, 5000+i))
			}
			for range 10 { // the proxy itself, and one of its kind
				r.openForwarded()
				r.openForwarded("unknown")
				r.openForwarded("10.0.0.9")
			}
			r.waitOutcome(outcome.RefusedAddress, 10)
			r.waitLine("client=203.0.113.4:0 ")
			if n := r.srv.addresses.count().open; n != 50 {
				t.Errorf("%d addresses are counted", n)
			}
			_ = first[3].Close()
			r.waitOutcome(outcome.ClientClosed, 1)
			r.openForwarded("203.0.113.3")
			r.refuseForwarded("203.0.113.3")

			// An IPv6 address counts as its network, and a client that comes directly as itself.
			r.openForwarded("2001:db8::1")
			r.openForwarded("[2001:db8::2]:443")
			r.refuseForwarded("2001:db8::3")
			r.openForwarded("2001:db8:0:1::3")
			r.openForwarded("127.0.0.2")
			r.openFrom("127.0.0.2")
			r.refuseForwarded("127.0.0.2")
		})
	}
}

func TestRateOfAClientBehindAnHTTPProxyIsItsOwn(t *testing.T) {
	needLoopbackNetwork(t)
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()}, behindProxy127, perAddress(0, 1))
			r.srv.addresses.exhaust("203.0.113.7")
			r.refuseForwarded("203.0.113.7")
			r.waitOutcome(outcome.RefusedAddressRate, 1)
			r.srv.addresses.exhaust("127.0.0.1") // which may share a shard with the other one
			r.openForwarded("203.0.113.8")
			for range 3 {
				r.openForwarded()
			}
		})
	}
}

// slowPages is a server of pages that answers /page/slow once the test lets it, and other pages at once.
func slowPages(t *testing.T, settings ...setting) (r *rig, asked chan string, answer chan struct{}) {
	t.Helper()
	asked, answer = make(chan string), make(chan struct{})
	pages := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/page/slow" {
			return
		}
		select {
		case asked <- req.Header.Get("X-Forwarded-For"):
		case <-t.Context().Done():
		}
		select {
		case <-answer:
		case <-t.Context().Done():
		}
	}))
	t.Cleanup(pages.Close)
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "slow", Nodes: []balancer.NodeSpec{{Name: "page", Address: pages.Listener.Addr().String()}}})
	if err != nil {
		t.Fatal(err)
	}
	r = httpToWS.start(t, []string{httpToWS.startNode(t, nil).address()}, append(settings, behindProxy127, func(s *snapshot.Snapshot) {
		s.Listeners[0].Routes = []snapshot.Route{{Path: "/page/", Pool: &snapshot.Pool{Pool: pool}}}
		s.Timeouts.KeepAlive = patience
	})...)
	return r, asked, answer
}

// requestFor sends a request of a client on a connection of the proxy.
func (c *client) requestFor(page, address string) {
	c.t.Helper()
	c.send([]byte("GET /page/" + page + " HTTP/1.1\r\nHost: broker.example\r\nX-Forwarded-For: " + address + "\r\n\r\n"))
}

// status reads an answer.
func (c *client) status(in *bufio.Reader) int {
	c.t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode
}

// The requests of a client count while they are served. A connection of the proxy goes on after a refusal.
func TestRequestsBehindAnHTTPProxyAreLimitedByTheirOwnAddress(t *testing.T) {
	r, asked, answer := slowPages(t, perAddress(2, 1))
	const clients = 50
	last := r.dialFrom("127.0.0.1")
	in := bufio.NewReader(last)
	for round := range 2 {
		var busy []*client
		for i := range clients {
			for range 2 {
				c := r.dialFrom("127.0.0.1")
				c.requestFor("slow", fmt.Sprint("203.0.113.", i))
				if got, want := <-asked, fmt.Sprint("203.0.113.", i); got != want {
					t.Fatalf("the node was asked for %q, want %q", got, want)
				}
				busy = append(busy, c)
			}
		}
		for i := range clients {
			last.requestFor("slow", fmt.Sprintf("192.0.2.66, 203.0.113.%d", i))
			if got := last.status(in); got != http.StatusTooManyRequests {
				t.Errorf("round %d: one more request of client %d is answered %d", round, i, got)
			}
		}
		for _, address := range []string{"203.0.113.99", "unknown", "10.0.0.9", "10.0.0.9"} { // on the same connection
			last.requestFor("quick", address)
			if got := last.status(in); got != http.StatusOK {
				t.Errorf("a request of %s is answered %d", address, got)
			}
		}
		for range busy {
			answer <- struct{}{} // to any of them
		}
		for _, c := range busy {
			if got := c.status(bufio.NewReader(c)); got != http.StatusOK {
				t.Errorf("answered %d", got)
			}
		}
		eventually(t, "nobody counts", func() bool { return r.srv.addresses.count().open == 0 })
	}
	r.waitLine("client=203.0.113.49:0 method=GET host=broker.example path=/page/slow status=429")
	if n := r.srv.Stats().Listeners[0].Answers[429]; n != 2*clients {
		t.Errorf("%d answers are counted", n)
	}
}

// A refused request with a body ends its connection, as no other request can follow without the body.
func TestARefusedRequestWithABodyEndsItsConnection(t *testing.T) {
	r, asked, answer := slowPages(t, perAddress(1, 0))
	busy, c := r.dialFrom("127.0.0.1"), r.dialFrom("127.0.0.1")
	busy.requestFor("slow", "203.0.113.7")
	<-asked
	c.send([]byte("POST /page/x HTTP/1.1\r\nHost: b\r\nX-Forwarded-For: 203.0.113.7\r\nContent-Length: 100000\r\n\r\n"))
	if got := c.rest(); !strings.HasPrefix(string(got), "HTTP/1.1 429 ") || !strings.Contains(string(got), "Connection: close") {
		t.Errorf("answered %q", got)
	}
	answer <- struct{}{}
	busy.status(bufio.NewReader(busy))
}

// Requests of a proxy become an upgrade, whose client is another one. The connection's client is then that.
func TestAnUpgradeAfterRequestsOfOthersIsLimitedByItsOwnAddress(t *testing.T) {
	r := dashboard(t, behindProxy127, perAddress(1, 0))
	r.openForwarded("203.0.113.7")
	for _, row := range []struct {
		address string
		status  int
	}{{"203.0.113.7", 429}, {"203.0.113.8", 101}, {"203.0.113.8", 429}} {
		c := r.dialFrom("127.0.0.1")
		if got := c.get(bufio.NewReader(c), "/page/x", "X-Forwarded-For: 203.0.113.9"); !strings.HasSuffix(got, " for 203.0.113.9") {
			t.Errorf("answered %q", got)
		}
		if row.status != http.StatusSwitchingProtocols {
			if _, status := r.forward(c, row.address); status != row.status {
				t.Errorf("%s: an upgrade is answered %d", row.address, status)
			}
			_ = c.Close()
			continue
		}
		c, _ = r.forward(c, row.address)
		c.send(connect311)
		c.expect(connack311)
		if list := r.list(FilterSpec{Address: row.address}); len(list) != 1 {
			t.Errorf("%+v is listed", list)
		}
	}
}

// A reload can trust a proxy, or not any more, between two requests of one connection.
func TestAReloadChangesWhoIsBelieved(t *testing.T) {
	r := dashboard(t, behindProxy127)
	c := r.dialFrom("127.0.0.1")
	in := bufio.NewReader(c)
	for _, trusted := range []bool{true, false, true} {
		r.apply(func(s *snapshot.Snapshot) {
			s.Listeners[0].Trusted = []netip.Prefix{netip.MustParsePrefix(pick(trusted, "127.0.0.1/32", "192.0.2.1/32"))}
		})
		want := "200 page /page/x for " + pick(trusted, "203.0.113.7", "127.0.0.1")
		if got := c.get(in, "/page/x", "X-Forwarded-For: 203.0.113.7"); got != want {
			t.Errorf("trusted %t: answered %q", trusted, got)
		}
	}
}

// A client whose connection counts for its own address, until a reload trusts that, counts there no more.
func TestAClientThatAReloadBelievesLeavesItsFormerAddress(t *testing.T) {
	r := dashboard(t, behindProxy127, perAddress(1, 0), func(s *snapshot.Snapshot) { s.Listeners[0].ForwardedFor = false })
	c := r.dialFrom("127.0.0.1")
	c.get(bufio.NewReader(c), "/page/x")
	r.apply(func(s *snapshot.Snapshot) { s.Listeners[0].ForwardedFor = true })
	c, _ = r.forward(c, "203.0.113.7")
	c.send(connect311)
	c.expect(connack311)
	if n := r.srv.addresses.count().open; n != 1 {
		t.Errorf("%d addresses are counted", n)
	}
	_ = c.Close()
	eventually(t, "nobody counts", func() bool { return r.srv.addresses.count().open == 0 })
}

// A session that is ended between the answer to its upgrade and its CONNECT uncounts its client once.
func TestAForwardedClientThatLeavesEarlyIsUncounted(t *testing.T) {
	for _, m := range forwardedModes {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()}, behindProxy127, perAddress(1, 0), func(s *snapshot.Snapshot) {
				s.Timeouts.ConnectPacket = time.Hour
			})
			for i := range 20 {
				bare := r.dialFrom("127.0.0.1")
				c, status := r.forward(bare, "203.0.113.7")
				switch {
				case status != http.StatusSwitchingProtocols:
					t.Fatalf("round %d is answered %d", i, status)
				case i%2 == 0:
					c.reset()
				default:
					r.kick(FilterSpec{Address: "203.0.113.7"}, 0)
					_ = c.Close()
				}
				eventually(t, "nobody counts", func() bool { return r.srv.addresses.count().open == 0 })
			}
		})
	}
}
