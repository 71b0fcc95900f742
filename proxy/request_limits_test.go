package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// Each of these requests stops at a point where a server waits for its client.
var stuckRequests = map[string]struct {
	request string
	drip    string // sent repeatedly after it
	answer  string // "": any, or none
	why     string // the end of the connection's line; "": any
}{
	"OPTIONS * without its body":   {"OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "408", "request body: 0 of 1 bytes within timeouts.request_body"},
	"OPTIONS * without its chunks": {"OPTIONS * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "", "408", "request body: 0 bytes within timeouts.request_body"},
	"405":                          {"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"400":                          {"GET * HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"400 of net/http":              {"GET / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "", "400", ""},
	"404":                          {"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"404 to HTTP/1.0":              {"POST /nowhere HTTP/1.0\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"404 to HEAD":                  {"HEAD /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"413":                          {"POST /page/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n", "", "413", "timeouts.request_body"},
	"413 in chunks":                {"POST /page/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5dc\r\n" + strings.Repeat("x", 1500), "", "413", "timeouts.request_body"},
	"417":                          {"POST /page/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: much\r\n\r\n", "", "417", ""},
	"502":                          {"POST /dead/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "408", "timeouts.request_body"},
	"a part of a forwarded body":   {"POST /read/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "", "408", "request body: 3 of 10 bytes within timeouts.request_body"},
	"a forwarded body of drips":    {"POST /read/ HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n", "x", "408", "timeouts.request_body"},
	"a chunk that never ends":      {"POST /read/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1", ";x", "", "timeouts.request_body"},
	"trailers that never end":      {"POST /read/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", "x", "408", "timeouts.request_body"},
	"a body that no node reads":    {"POST /page/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "", "", "timeouts.request_body"},
	"100 and no body":              {"POST /read/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", "", "100", "timeouts.request_body"},
	"no 100 and no body":           {"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", "", "404", "timeouts.request_body"},
	"an upgrade with a body":       {"GET /page/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "", "", "timeouts.request_body"},
	"a pipelined request":          {"GET /page/ HTTP/1.1\r\nHost: x\r\n\r\nPOST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "200", "timeouts.request_body"},
	"a pipelined half of a header": {"GET /page/ HTTP/1.1\r\nHost: x\r\n\r\nGET /page/ HT", "", "200", "request header: not whole within timeouts.connect_packet"},
	"a header of drips":            {"GET /page/ HTTP/1.1\r\nHost: x\r\nX: ", "x", "", "request header: not whole within timeouts.connect_packet"},
	"half a header":                {"GET /pa", "", "", "request header: not whole within timeouts.connect_packet"},
	"a response that stalls":       {"GET /stall/ HTTP/1.1\r\nHost: x\r\n\r\n", "", "200", "response: no byte of the node within timeouts.tunnel"},
	"a tunnel":                     {"GET /tunnel/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "", "101", "tunnel: no byte either way within timeouts.tunnel"},
	"a request and no more":        {"GET /page/ HTTP/1.1\r\nHost: x\r\n\r\n", "", "200", ""},
	"on a path of WebSocket":       {"POST /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "", "405", ""},
}

// limitedWeb starts an HTTP listener with short limits, and MQTT at /mqtt.
func limitedWeb(t *testing.T, m mode, settings ...setting) *rig {
	t.Helper()
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/read/":
			_, _ = io.Copy(io.Discard, req.Body)
		case "/stall/":
			_, _ = io.WriteString(w, "so far")
			_ = http.NewResponseController(w).Flush()
			<-req.Context().Done()
		case "/endless/":
			for block := make([]byte, 64<<10); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "/tunnel/", "/flood/":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			for block := make([]byte, 64<<10); req.URL.Path == "/flood/"; {
				if _, err := conn.Write(block); err != nil {
					return
				}
			}
			_, _ = io.Copy(io.Discard, conn)
		}
	}))
	t.Cleanup(pages.Close)
	pool := func(address string) *snapshot.Pool {
		b, err := balancer.NewPool(balancer.PoolSpec{Name: "web", Nodes: []balancer.NodeSpec{{Name: "web", Address: address}}})
		if err != nil {
			t.Fatal(err)
		}
		return &snapshot.Pool{Pool: b}
	}
	short := func(s *snapshot.Snapshot) {
		s.MaxRequestSize = 1000
		s.Timeouts.ConnectPacket = 2 * time.Second // the handshake takes a part of it
		s.Timeouts.RequestBody, s.Timeouts.Tunnel, s.Timeouts.KeepAlive = time.Second, time.Second, 2*time.Second
	}
	r := prepare(t, []string{refusing}, append(append([]setting{short}, settings...), func(s *snapshot.Snapshot) {
		if m.protocol == snapshot.HTTP {
			node := pool(pages.Listener.Addr().String())
			for _, path := range []string{"/page/", "/read/", "/stall/", "/tunnel/", "/endless/", "/flood/"} {
				s.Listeners[0].Routes = append(s.Listeners[0].Routes, snapshot.Route{Path: path, Pool: node})
			}
			s.Listeners[0].Routes = append(s.Listeners[0].Routes, snapshot.Route{Path: "/dead/", Pool: pool(refusing)})
		}
	}, m.set)...)
	r.srv.waits.linger = 500 * time.Millisecond // clients read their answers in this time
	r.run()
	return r
}

var webModes = []mode{httpToWS, {name: "https to ws", protocol: snapshot.HTTP, nodeWS: true, tls: true}}

// These tests mostly wait for limits of seconds.
func TestRequestsAreLimitedInTime(t *testing.T) {
	proxytest.WaitAbreast(t)
	proxytest.RunAbreast(t, map[string]func(*testing.T){
		"no request holds its connection for ever":             noRequestHoldsItsConnectionForEver,
		"what moves has no limit for the whole of it":          whatMovesHasNoLimitForTheWholeOfIt,
		"refusals of a listener of WebSocket hold none either": refusalsOfAListenerOfWebSocketHoldNoConnection,
	})
}

func noRequestHoldsItsConnectionForEver(t *testing.T) {
	inModesAbreast(t, webModes, func(t *testing.T, m mode) {
		r := limitedWeb(t, m)
		var all sync.WaitGroup
		var handshaking sync.Mutex // one handshake at a time, since handshakes have a limit, too
		for name, c := range stuckRequests {
			for _, before := range []int{0, 2} {
				all.Go(func() {
					conn, in := r.connAfterRequests(&handshaking, m, before)
					local := conn.LocalAddr().String()
					answer := conn.stick(in, c.request, c.drip)
					if !strings.HasPrefix(answer, "HTTP/1.1 "+c.answer) && !strings.HasPrefix(answer, "HTTP/1.0 "+c.answer) && c.answer != "" {
						t.Errorf("%s after %d: answered %.80q, want %s", name, before, answer, c.answer)
					}
					_ = conn.Close()
					if line := r.lineOf(local); !strings.Contains(line, c.why) {
						t.Errorf("%s after %d: the line is %s, want %q in it", name, before, line, c.why)
					}
				})
			}
		}
		all.Wait()
		if got := r.srv.Stats().Listeners[0].Answers[http.StatusRequestTimeout]; got < 20 {
			t.Errorf("%d answers of 408 are counted", got)
		}
		if got := r.outcomes(outcome.RequestTimeout); got < 20 {
			t.Errorf("%d connections ended with %s", got, outcome.RequestTimeout)
		}
	})
}

// connAfterRequests returns a connection of the mode after so many requests.
func (r *rig) connAfterRequests(handshaking *sync.Mutex, m mode, requests int) (*client, *bufio.Reader) {
	handshaking.Lock()
	defer handshaking.Unlock()
	conn := r.dialBare(r.srv.Addr("mqtt"))
	if m.tls {
		conn.secure(nil)
	}
	in := bufio.NewReader(conn)
	for range requests {
		if got := conn.get(in, "/page/"); got != "200 " {
			r.t.Errorf("answered %q", got)
		}
	}
	return conn, in
}

// stick sends a request, and drip repeatedly after it, until the connection ends. It returns the
// answer.
func (c *client) stick(in io.Reader, request, drip string) string {
	c.send([]byte(request))
	done := make(chan struct{})
	var dripping sync.WaitGroup
	if drip != "" {
		dripping.Go(func() { // ends with the connection
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
					_, _ = io.WriteString(c, drip)
				}
			}
		})
	}
	b, err := io.ReadAll(in)
	close(done)
	dripping.Wait()
	if err, ok := err.(interface{ Timeout() bool }); ok && err.Timeout() {
		c.t.Errorf("%.60q holds its connection; it was answered %.80q", request, b)
	}
	return string(b)
}

// lineOf waits for the log line of the connection from an address.
func (r *rig) lineOf(client string) (line string) {
	want := fmt.Sprintf("msg=session listener=mqtt client=%s ", client)
	eventually(r.t, "the line of "+client, func() bool {
		for line = range strings.Lines(r.log.String()) {
			if strings.Contains(line, want) {
				return true
			}
		}
		return false
	})
	return line
}
