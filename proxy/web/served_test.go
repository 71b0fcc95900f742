package web

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// reporting sends each request that is over to a channel.
func reporting(all chan<- Served) setting {
	return func(_ *rig, o *setup) { o.Served = func(_ *http.Request, s Served) { all <- s } }
}

// check compares a report with want, whose Error is the beginning of the report's.
func (s Served) check(t *testing.T, want Served) {
	t.Helper()
	if s.Duration <= 0 {
		t.Errorf("it took %v", s.Duration)
	}
	if own := s.Status != 0 && !s.ByNode; own {
		if s.Sent == 0 {
			t.Error("the answer has no bytes")
		}
		s.Sent = 0
	}
	s.Duration = 0
	if strings.HasPrefix(s.Error, want.Error) && want.Error != "" {
		s.Error = want.Error
	}
	if s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
}

func TestRequestsAreReportedWhenTheyAreOver(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		all := make(chan Served, 10)
		a := m.newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			switch r.URL.Path {
			case "/error":
				http.Error(w, "no", http.StatusInternalServerError)
			case "/cut":
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			case "/close":
				panic(http.ErrAbortHandler)
			default:
				_, _ = io.WriteString(w, "hello")
			}
		}))
		r := m.start(t, []*node{a}, reporting(all), func(_ *rig, o *setup) { o.MaxRequestSize = 50 })
		c := r.client()
		_, _, _ = c.do(http.MethodPost, "/", strings.NewReader("0123456789"))
		(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 200, ByNode: true, Received: 10, Sent: 5})
		_, _, _ = c.do(http.MethodGet, "/error", nil)
		(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 500, ByNode: true, Sent: 3})
		_, _, _ = c.do(http.MethodGet, "/cut", nil)
		(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 200, ByNode: true, Sent: 4, Error: "the response was cut short: "})
		_, text, _ := c.do(http.MethodPost, "/close", strings.NewReader("0"))
		(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 502, Received: 1, Error: "the node closed the connection, or its answer is not HTTP: "})
		if strings.Count(text, ":") > 0 {
			t.Errorf("the client is told %q", text)
		}
		_, _, _ = c.do(http.MethodPost, "/", strings.NewReader(strings.Repeat("0", 51)))
		(<-all).check(t, Served{Pool: "dashboard", Status: 413, Error: "the request's body is over 50 bytes"})
	})
}

func TestRequestsWithoutANodeAreReportedWithTheReason(t *testing.T) {
	all := make(chan Served, 1)
	r := startPool(t, balancer.PoolSpec{Name: "dashboard", Nodes: []balancer.NodeSpec{{Name: "a", Address: refusedAddress}}}, nil, reporting(all))
	_, text, _ := r.client().do(http.MethodGet, "/", nil)
	got := <-all
	got.check(t, Served{Pool: "dashboard", Node: "a", Status: 502, Error: "no node could be reached: dial_failed: "})
	if !strings.Contains(got.Error, refusedAddress) || strings.Contains(text, refusedAddress) {
		t.Errorf("the log has %q, the client is told %q", got.Error, text)
	}
	r.pool.Nodes()[0].SetOperator(balancer.Draining)
	_, _, _ = r.client().do(http.MethodGet, "/", nil)
	(<-all).check(t, Served{Pool: "dashboard", Status: 503, Error: "no node is up: no_node"})
}

func TestRequestsThatAreTooSlowAreReportedWithTheLimit(t *testing.T) {
	proxytest.WaitAbreast(t)
	all := make(chan Served, 1)
	stop := make(chan struct{})
	defer close(stop)
	a := newNode(t, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	r := start(t, []*node{a}, reporting(all), func(_ *rig, o *setup) {
		o.BodyTimeout, o.ResponseTimeout, o.TunnelTimeout = time.Second, time.Second, time.Second
	})
	_, _, _ = r.client().do(http.MethodGet, "/", nil)
	(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 504, Error: "the node did not answer in time: "})
	_, _, _ = r.client().do(http.MethodGet, "/begun", nil)
	(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 200, ByNode: true, Sent: 5, Error: "response: no byte of the node within timeouts.tunnel 1s"})
	c := r.raw()
	c.send("CONNECT h:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345")
	_, _ = c.receive(http.MethodGet)
	(<-all).check(t, Served{Pool: "dashboard", Status: 408, Received: 5, Error: "request body: 5 of 10 bytes within timeouts.request_body 1s"})
}

func TestATunnelIsReportedAtItsEnd(t *testing.T) {
	inEveryMode(t, func(t *testing.T, m mode) {
		all := make(chan Served, 1)
		echo := tunnelTo(func(conn net.Conn) { _, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}) })
		r := m.start(t, []*node{m.newNode(t, "a", echo)}, reporting(all))
		c := r.raw()
		c.upgrade()
		c.send("ping")
		var b [4]byte
		if _, err := io.ReadFull(c.reader, b[:]); err != nil {
			t.Fatal(err)
		}
		select {
		case s := <-all:
			t.Errorf("the tunnel is open and was reported: %+v", s)
		default:
		}
		_ = c.Close()
		(<-all).check(t, Served{Pool: "dashboard", Node: "a", Status: 101, ByNode: true, Received: 4, Sent: 4})
	})
}

// A request to which nobody waits for an answer has none.
func TestAClientThatLeavesIsReported(t *testing.T) {
	all, asked := make(chan Served, 1), make(chan struct{})
	a := newNode(t, "a", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	r := start(t, []*node{a}, reporting(all))
	c := r.raw()
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-asked
	_ = c.Close()
	(<-all).check(t, Served{Pool: "dashboard", Node: "a", Error: "the client left before the answer"})
}
