package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
)

// atHome returns an address whose first candidate is the node of this place.
func (r *rig) atHome(index int) string {
	r.t.Helper()
	for i := range 200 {
		source := fmt.Sprintf("198.51.100.%d:1", i)
		c := r.pool.Candidates(balancer.Client{Key: balancer.HashAddr(netip.MustParseAddrPort(source).Addr()), Keyed: true})
		if n := c.Next(); n == r.pool.Nodes()[index] {
			return source
		}
	}
	r.t.Fatalf("no address has node %d first", index)
	return ""
}

func TestRequestGoesOnWholeWhenItsFirstCandidateIsDead(t *testing.T) {
	dead := &node{name: "dead", address: refusedAddress}
	alive := newNode(t, "alive", nil)
	r := start(t, []*node{dead, alive})
	c := r.client()
	c.source = r.atHome(0)
	body := strings.Repeat("0123456789abcdef", 64<<10)
	if s := c.tell(http.MethodPost, "/", strings.NewReader(body)); s.Node != "alive" || s.Body != body {
		t.Errorf("%d bytes arrived at %s, want %d at alive", len(s.Body), s.Node, len(body))
	}
	if n := alive.requests.Load(); n != 1 {
		t.Errorf("%d requests arrived", n)
	}
	if len(r.failed) != 1 || r.failed[0] != "dead" {
		t.Errorf("DialFailed was told %v", r.failed)
	}
}

// A connection that is kept alive goes on, and its requests go to another node: nothing need be closed.
func TestRequestsOfAKeptConnectionGoToAnotherNode(t *testing.T) {
	a, b := newNode(t, "a", nil), newNode(t, "b", nil)
	r := start(t, []*node{a, b})
	c := r.client()
	c.source = r.atHome(0)
	for range 3 {
		for _, step := range []struct {
			state balancer.State
			want  string
		}{{balancer.Up, "a"}, {balancer.Draining, "b"}, {balancer.Up, "a"}, {balancer.Down, "b"}} {
			r.pool.Nodes()[0].SetOperator(step.state)
			if s := c.get("/"); s.Node != step.want {
				t.Errorf("with node a %v, the answer is from %s", step.state, s.Node)
			}
		}
	}
}

func TestNoNodeIsAnsweredWithTheReason(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a})
	c := r.client()
	n := r.pool.Nodes()[0]
	for _, state := range []balancer.State{balancer.Draining, balancer.Down} {
		n.SetOperator(state)
		c.refused(http.StatusServiceUnavailable, "no node is up", http.MethodGet, "/", nil)
	}
	n.SetOperator(balancer.Up)
	n.SetHealth(balancer.Down)
	if s := c.get("/"); s.Node != "a" {
		t.Errorf("down by the health checks alone and the only node, answered by %s", s.Node)
	}
	n.SetHealth(balancer.Up)
	if s := c.get("/"); s.Node != "a" {
		t.Errorf("up again, answered by %s", s.Node)
	}
	a.kill()
	c.refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
	a.start(a.address)
	n.SetAddrs(nil)
	c.refused(http.StatusBadGateway, "could be reached", http.MethodPost, "/", strings.NewReader("x"))
	if got := r.handler.answers.ByStatus(); got[503] != 2 || got[502] != 2 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
}

func TestNodeAtItsLimitIsPassedOver(t *testing.T) {
	arrived, leave := make(chan struct{}), make(chan struct{})
	wait := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-leave
	})
	nodes := []*node{newNode(t, "a", wait), newNode(t, "b", wait)}
	r := startPool(t, balancer.PoolSpec{Name: "dashboard", Nodes: []balancer.NodeSpec{
		{Name: "a", Address: nodes[0].address, MaxConnections: 1},
		{Name: "b", Address: nodes[1].address, MaxConnections: 2},
	}}, nodes)
	done := make(chan int)
	for range 3 {
		c := r.client()
		go func() { // ends with its response
			res, _, _ := c.do(http.MethodGet, "/", nil)
			done <- res.StatusCode
		}()
		<-arrived
	}
	if a, b := nodes[0].requests.Load(), nodes[1].requests.Load(); a != 1 || b != 2 {
		t.Errorf("%d requests on a, %d on b, want 1 and 2", a, b)
	}
	r.client().refused(http.StatusServiceUnavailable, "max_connections", http.MethodGet, "/", nil)
	close(leave)
	for range 3 {
		if status := <-done; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	eventually(t, "both nodes are free", func() bool {
		return r.pool.Nodes()[0].Open() == 0 && r.pool.Nodes()[1].Open() == 0
	})
	go func() { <-arrived }() // ends with the next request
	if res, _, _ := r.client().do(http.MethodGet, "/", nil); res.StatusCode != http.StatusOK {
		t.Errorf("after the others have left: %s", res.Status)
	}
}

// A node that has read a request may have acted on it.
func TestRequestIsNotRepeatedAfterItWasSent(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			t.Run(method, func(t *testing.T) {
				hangUp := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					panic(http.ErrAbortHandler)
				})
				nodes := []*node{m.newNode(t, "a", hangUp), m.newNode(t, "b", hangUp)}
				r := m.start(t, nodes)
				r.client().refused(http.StatusBadGateway, "closed the connection", method, "/", nil)
				if n := nodes[0].requests.Load() + nodes[1].requests.Load(); n != 1 {
					t.Errorf("sent %d times", n)
				}
				if len(r.failed) != 0 {
					t.Errorf("DialFailed was told %v of connections that were made", r.failed)
				}
			})
		}
	})
}

func TestNodeThatHangsIsGivenUp(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		a := m.newNode(t, "a", hang)
		r := m.start(t, []*node{a}, func(_ *rig, o *setup) { o.ResponseTimeout = 20 * time.Millisecond })
		r.client().refused(http.StatusGatewayTimeout, "did not answer in time", http.MethodGet, "/", nil)
		eventually(t, "the node's connection is closed", func() bool { return a.open.Load() == 0 })
	})
}

func TestNodeThatSpeaksNoHTTPIsABadGateway(t *testing.T) {
	for name, answer := range map[string]string{
		"MQTT":            "\x20\x02\x00\x01",
		"nothing":         "",
		"half a header":   "HTTP/1.1 200 OK\r\nContent-",
		"a header of MBs": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"an unasked 101":  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address, closed := answering(t, answer)
			r := start(t, []*node{{name: "a", address: address}})
			r.client().refused(http.StatusBadGateway, "not HTTP", http.MethodGet, "/", nil)
			<-closed
		})
	}
}

// answering is a listener that answers one request with a text. closed is closed when its
// peer has closed the connection.
func answering(t *testing.T, text string) (address string, closed chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	closed = make(chan struct{})
	go func() { // ends when the peer closes
		defer close(closed)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		if _, err := http.ReadRequest(reader); err != nil {
			return
		}
		conn.Write([]byte(text))
		if text == "" || !strings.Contains(text, "\r\n\r\n") {
			return
		}
		reader.ReadByte()
	}()
	return ln.Addr().String(), closed
}

// Requests say of a node whether it can be reached.
func TestRequestsMakeANodeAnOutlier(t *testing.T) {
	dead, alive := &node{name: "dead", address: refusedAddress}, newNode(t, "alive", nil)
	spec := balancer.PoolSpec{Name: "dashboard", Outliers: true, Nodes: []balancer.NodeSpec{{Name: dead.name, Address: dead.address}, {Name: alive.name, Address: alive.address}}}
	r := startPool(t, spec, []*node{dead, alive})
	r.pool.Judge() // from here on
	c := r.client()
	c.source = r.atHome(0)
	for range 20 {
		if s := c.get("/"); s.Node != "alive" {
			t.Fatalf("the request went to %s", s.Node)
		}
	}
	if v := r.pool.Judge(); len(v) != 1 || v[0].Node.Name != "dead" || !v[0].Outlier {
		t.Fatalf("%+v", v)
	}
	tried := len(r.failed)
	c.get("/")
	if len(r.failed) != tried {
		t.Error("the outlier was tried first")
	}
}
