package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// headers changes a limit of net/http, so that later connections get another http.Server.
func headers(bytes int) setting { return func(s *snapshot.Snapshot) { s.MaxHeaderSize = bytes } }

// pagesAt serves the pages at another path.
func pagesAt(path string) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Routes[0].Path = path }
}

// wantPage requests a page on a connection that is kept alive.
func (c *client) wantPage(in *bufio.Reader, path, status string) {
	c.t.Helper()
	if got := c.get(in, path); !strings.HasPrefix(got, status) {
		c.t.Errorf("%s: answered %q, want %s", path, got, status)
	}
}

func TestRequestsGoByTheRoutesOfNow(t *testing.T) {
	r := dashboard(t, onFreeAddress(t))
	c := r.dialBare(r.srv.Addr("mqtt"))
	in := bufio.NewReader(c.Conn)
	c.wantPage(in, "/page/1", "200 page /page/1")
	r.apply(pagesAt("/other/"))
	c.wantPage(in, "/other/2", "200 page /other/2")
	c.wantPage(in, "/page/2", "404")
	r.apply(pagesAt("/page/"), headers(8<<10))
	c.wantPage(in, "/page/3", "200")
	r.apply(renamed("other"), headers(4<<10))
	c.wantPage(in, "/page/4", "200")
	r.forgotten = true
	late := r.dialBare(r.srv.Addr("other"))
	late.send([]byte("GET /page/ HTTP/1.1\r\nHost: broker.example\r\nX: " + strings.Repeat("x", 12<<10) + "\r\n\r\n"))
	if resp, err := http.ReadResponse(bufio.NewReader(late.Conn), nil); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long header is answered with %v, %v", resp, err)
	}
}

// A connection whose listener is gone, or serves other clients now, is answered by its old routes and
// closed.
func TestConnectionToAListenerThatIsGoneIsAnsweredAndClosed(t *testing.T) {
	for name, gone := range map[string]setting{
		"the listener": func(s *snapshot.Snapshot) {
			another("mqtt only", "tcp", "127.0.0.1:0")(s)
			s.Listeners = s.Listeners[1:]
			s.Listeners[0].Protocol = snapshot.MQTT
		},
		"HTTP": func(s *snapshot.Snapshot) {
			s.Listeners[0].Protocol = snapshot.MQTT
			s.Listeners[0].Pool.WebSocket = false
		},
		"the clear": func(s *snapshot.Snapshot) {
			s.Listeners[0].TLS = testTLS()
			pagesAt("/private/")(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := dashboard(t, onFreeAddress(t))
			c, other := r.dialBare(r.srv.Addr("mqtt")), r.dialBare(r.srv.Addr("mqtt"))
			in := bufio.NewReader(c.Conn)
			c.wantPage(in, "/page/1", "200")
			other.wantPage(bufio.NewReader(other.Conn), "/page/1", "200")
			r.apply(gone)
			c.wantPage(in, "/page/2", "200")
			c.rest()
			_ = c.Close()
			other.wantPage(bufio.NewReader(other.Conn), "/private/", "404")
			other.rest()
			_ = other.Close()
			eventually(t, "the end of both", func() bool { return r.srv.open() == 0 })
		})
	}
}

// The counters of a listener continue under another handler.
func TestAnswersAreCountedOverChanges(t *testing.T) {
	r := dashboard(t)
	c := r.dialBare(r.srv.Addr("mqtt"))
	in := bufio.NewReader(c.Conn)
	for i := range 3 {
		c.wantPage(in, "/nothing", "404")
		if n := r.numbers("mqtt").Answers[http.StatusNotFound]; n != uint64(i+1) {
			t.Errorf("%d answers of 404, want %d", n, i+1)
		}
		r.apply(headers(1<<10 + i))
	}
}

func TestUpgradeUnderWayGoesOn(t *testing.T) {
	for _, head := range []string{"GET /mqtt HTTP/1.1\r\nHost: bro", "GET /mqtt HTTP/1.1\r\nHost: broker.example\r\nCookie: " + strings.Repeat("c", 5000)} {
		for _, m := range []mode{wsToMQTT, wsToWS} {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send([]byte(head))
			eventually(t, "the beginning of the request", func() bool { return r.numbers("mqtt").Open == 1 })
			r.apply(headers(10<<10), func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 10 })
			if !strings.HasPrefix(head, "GET /mqtt HTTP/1.1\r\nHost: broker") {
				c.send([]byte("ker.example"))
			}
			c.send([]byte("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"))
			in := bufio.NewReader(c.Conn)
			if resp, err := http.ReadResponse(in, nil); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("answered %v, %v", resp, err)
			}
			c.send(clientFrame(finBinary, connect311))
			if b, err := in.Peek(len(connackFrame)); err != nil || string(b) != string(connackFrame) {
				t.Errorf("got % x, %v", b, err)
			}
			_ = c.Close()
			r.waitOutcome(outcome.ClientClosed, 1)
		}
	}
}

// A response in progress continues, and its connection to the node is freed after it.
func TestResponseUnderWayGoesOn(t *testing.T) {
	more := make(chan string)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for text := range more {
			_, _ = io.WriteString(w, text)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(pages.Close)
	pool, err := balancer.NewPool(balancer.PoolSpec{Name: "stream", Nodes: []balancer.NodeSpec{{Name: "page", Address: pages.Listener.Addr().String()}}})
	if err != nil {
		t.Fatal(err)
	}
	r := httpToWS.start(t, []string{refusing}, func(s *snapshot.Snapshot) {
		s.Listeners[0].Routes = []snapshot.Route{{Path: "/page/", Pool: &snapshot.Pool{Pool: pool}}}
		s.Timeouts.KeepAlive = patience
	})
	c := r.dialBare(r.srv.Addr("mqtt"))
	c.send([]byte("GET /page/ HTTP/1.1\r\nHost: broker.example\r\n\r\n"))
	more <- "begun "
	resp, err := http.ReadResponse(bufio.NewReader(c.Conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	r.apply(headers(8<<10), pagesAt("/elsewhere/"))
	more <- "and "
	r.apply(func(s *snapshot.Snapshot) {
		s.Listeners[0].Protocol, s.Listeners[0].Pool.WebSocket = snapshot.MQTT, false
	})
	more <- "ended"
	close(more)
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "begun and ended" {
		t.Errorf("the response is %q, %v", b, err)
	}
}

// Connections are handed to one server of net/http while another one takes over.
func TestConnectionsArriveWhileTheLimitsOfHTTPChange(t *testing.T) {
	r := dashboard(t)
	done := make(chan struct{})
	go func() { // ends with the clients
		defer close(done)
		for i := range 100 {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.wantPage(bufio.NewReader(c.Conn), fmt.Sprint("/page/", i), "200")
			_ = c.Close()
		}
	}()
	for i := 0; ; i++ {
		select {
		case <-done:
			r.waitOutcome(outcome.HTTPServed, 100)
			return
		default:
			r.apply(headers(8<<10 + i%2))
		}
	}
}
