package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// dashboard starts an HTTP listener for a server of pages, with MQTT at /mqtt.
func dashboard(t *testing.T, settings ...setting) *rig {
	t.Helper()
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprintf(w, "page %s for %s", req.URL.Path, req.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(pages.Close)
	spec := balancer.PoolSpec{Name: "dashboard", Nodes: []balancer.NodeSpec{{Name: "page", Address: pages.Listener.Addr().String()}}}
	pool, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	return httpToWS.start(t, []string{httpToWS.startNode(t, nil).address()}, append(settings, func(s *snapshot.Snapshot) {
		s.Listeners[0].Routes = []snapshot.Route{{Path: "/page/", Pool: &snapshot.Pool{Pool: pool}}}
		s.Timeouts.KeepAlive = patience
	})...)
}

// get requests a page, with further headers, and returns the whole answer.
func (c *client) get(in *bufio.Reader, path string, headers ...string) string {
	c.t.Helper()
	c.send([]byte("GET " + path + " HTTP/1.1\r\nHost: broker.example\r\n" + strings.Join(append(headers, "\r\n"), "\r\n")))
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(body))
}

// One connection may carry requests, and then upgrade.
func TestRequestsAndAnUpgradeOnOneConnection(t *testing.T) {
	r := dashboard(t)
	c := r.dialBare(r.srv.Addr("mqtt"))
	in := bufio.NewReader(c.Conn)
	for i := range 3 {
		path := fmt.Sprint("/page/", i)
		if got, want := c.get(in, path), "200 page "+path+" for 127.0.0.1"; got != want {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	ws, err := upgraded(c.Conn)
	if err != nil {
		t.Fatal(err)
	}
	c.Conn = ws
	c.send(connect311)
	c.expect(connack311)
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)

	c = r.dialBare(r.srv.Addr("mqtt"))
	if got := c.get(bufio.NewReader(c.Conn), "/page/x"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.HTTPServed, 1)
}

// The requests of a connection have no common time limit, but the CONNECT behind them has one.
func TestUpgradeAfterRequestsIsBoundedInTimeToo(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := dashboard(t, func(s *snapshot.Snapshot) { s.Timeouts.ConnectPacket = 500 * time.Millisecond })
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.get(bufio.NewReader(c.Conn), "/page/x")
	if _, err := upgraded(c.Conn); err != nil {
		t.Fatal(err)
	}
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.ConnectTimeout, 1)
}

func TestUpgradeOnAUnixSocketNamesNoAddress(t *testing.T) {
	got := make(chan *asked, 1)
	backend := startUpgradeNode(t, func(a *asked) {
		got <- a
		_, _ = io.WriteString(a, a.switching())
		_, _ = a.Read(make([]byte, 64))
		_, _ = a.Write(connackFrame)
	})
	r := wsToWS.start(t, []string{backend.address()}, sendProxy(2), func(s *snapshot.Snapshot) {
		s.Listeners[0].Network, s.Listeners[0].Address = "unix", filepath.Join(t.TempDir(), "ws.sock")
	})
	c := r.dialUpgraded()
	c.send(clientFrame(finBinary, connect311))
	c.expect(connackFrame)
	a := <-got
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Port"} {
		if v, ok := a.request.Header[name]; ok {
			t.Errorf("%s: %q", name, v)
		}
	}
	if h, err := opening.ReadProxyHeader(a.first); err != nil || h.Destination.String() != backend.address() {
		t.Errorf("the node was told %+v, %v", h, err)
	}
	_ = c.Close()
	r.waitLine("client=unix ")
}

// The same identifier goes to the same node over every protocol.
func TestSameIdentifierGoesToTheSameNodeOverEveryProtocol(t *testing.T) {
	homes := map[string][]int{}
	inEachMode(t, func(t *testing.T, m mode) {
		var addresses []string
		for range 3 {
			addresses = append(addresses, m.startNode(t, nil).address())
		}
		r := m.start(t, addresses)
		for i := range 20 {
			id := fmt.Sprint("device-", i)
			c := r.open(id)
			for j := range addresses {
				if r.node(j).Open() == 1 {
					homes[id] = append(homes[id], j)
				}
			}
			_ = c.Close()
			eventually(t, "the end", func() bool { return r.srv.open() == 0 })
		}
	})
	used := map[int]bool{}
	for id, at := range homes {
		for _, home := range at {
			if used[home] = true; home != at[0] {
				t.Errorf("%s goes to the nodes %v", id, at)
			}
		}
	}
	if len(used) != 3 {
		t.Errorf("20 identifiers reached only %v", used)
	}
}

// Clients that have arrived before the stop are served. Those that upgrade too late are ended with the
// others.
func TestStopEndsUpgradesThatStall(t *testing.T) {
	r := dashboard(t, func(s *snapshot.Snapshot) { s.Timeouts.Shutdown = 0 })
	begun := r.dialBare(r.srv.Addr("mqtt"))
	begun.send([]byte(upgradeRequest()[:20]))
	silent := r.dialUpgraded()
	idle := r.dialBare(r.srv.Addr("mqtt"))
	idle.get(bufio.NewReader(idle.Conn), "/page/x")
	eventually(t, "the three", func() bool { return r.srv.open() == 3 })
	r.stop()
	for _, c := range []*client{begun, silent, idle} {
		c.rest()
	}
	if n := r.outcomes(outcome.Shutdown) + r.outcomes(outcome.HTTPServed); n != 3 || r.outcomes(outcome.Shutdown) < 2 {
		t.Errorf("%d of 3 were ended by the stop", n)
	}
}
