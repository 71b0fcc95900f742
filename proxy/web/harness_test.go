package web

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// patience limits every wait of a test. It is long: only a failure uses it up.
const patience = 20 * time.Second

// testClient is a request field that replaces the PROXY header of a client: the front
// sets RemoteAddr to it.
const testClient = "Test-Client"

// reply is a response whose body has been read and closed.
type reply http.Response

// seen is a node's report of a request.
type seen struct {
	Node, Method, URI, Host string
	Header                  http.Header
	Body                    string
}

// node is a real HTTP server that can be killed and come back.
type node struct {
	t       *testing.T
	name    string
	address string
	handler http.Handler
	wrap    func(net.Listener) net.Listener // nil: plain

	requests atomic.Int64 // requests whose header has arrived
	dialled  atomic.Int64
	open     atomic.Int64 // connections

	server *http.Server
	done   chan struct{}
}

// newNode starts a node. With a nil handler it answers with a report of the request.
func newNode(t *testing.T, name string, handler http.Handler) *node {
	t.Helper()
	n := &node{t: t, name: name, handler: handler}
	if handler == nil {
		n.handler = http.HandlerFunc(n.tell)
	}
	n.start("127.0.0.1:0")
	t.Cleanup(n.kill)
	return n
}

func (n *node) tell(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	_ = json.NewEncoder(w).Encode(seen{n.name, r.Method, r.RequestURI, r.Host, r.Header, string(body)})
}

func (n *node) start(address string) {
	n.t.Helper()
	var ln net.Listener
	eventually(n.t, "its port, which another test may have for a moment", func() (free bool) {
		var err error
		ln, err = net.Listen("tcp", address)
		return err == nil
	})
	n.address = ln.Addr().String()
	if n.wrap != nil {
		ln = n.wrap(ln)
	}
	n.done = make(chan struct{})
	n.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.requests.Add(1)
			n.handler.ServeHTTP(w, r)
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				n.dialled.Add(1)
				n.open.Add(1)
			case http.StateClosed, http.StateHijacked:
				n.open.Add(-1)
			default:
			}
		},
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	go func() { // ends with kill
		defer close(n.done)
		_ = n.server.Serve(ln)
	}()
}

// kill resets open connections and refuses new ones.
func (n *node) kill() {
	n.server.Close()
	<-n.done
}

// rig is a handler in a front server, with its nodes.
type rig struct {
	t       *testing.T
	pool    *snapshot.Pool
	setup   setup
	handler *Handler
	front   *httptest.Server
	cancel  context.CancelFunc // of the front's BaseContext
	nodes   []*node

	mu     sync.Mutex // guards failed
	failed []string   // names passed to DialFailed
}

// setup holds what a rig's handler is made with.
type setup struct {
	Options
	Settings
}

// setting changes a rig before it starts.
type setting func(*rig, *setup)

// start runs a handler with one pool of the nodes. At the end of the test it checks that
// nothing is left over.
func start(t *testing.T, nodes []*node, settings ...setting) *rig {
	t.Helper()
	spec := balancer.PoolSpec{Name: "dashboard"}
	for _, n := range nodes {
		spec.Nodes = append(spec.Nodes, balancer.NodeSpec{Name: n.name, Address: n.address})
	}
	return startPool(t, spec, nodes, settings...)
}

func startPool(t *testing.T, spec balancer.PoolSpec, nodes []*node, settings ...setting) *rig {
	t.Helper()
	pool, err := balancer.NewPool(spec)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, nodes: nodes}
	r.pool = &snapshot.Pool{Pool: pool, DialFailed: func(n *balancer.Node) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = append(r.failed, n.Name)
	}}
	r.setup.Settings = Settings{Pools: []*snapshot.Pool{r.pool}, DialTimeout: patience, ResponseTimeout: patience}
	for _, set := range settings {
		set(r, &r.setup)
	}
	checkLeft := proxytest.LeftAfter(t)
	r.restart()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.front = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.front.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	r.front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	r.front.Config.DisableGeneralOptionsHandler = true
	r.front.Start()
	t.Cleanup(func() {
		cancel()
		r.front.Close()
		r.handler.Close()
		eventually(t, "the nodes have no connection and no request of ours", func() bool {
			for _, n := range r.pool.Nodes() {
				if n.Open() != 0 {
					return false
				}
			}
			for _, n := range nodes {
				if n.open.Load() != 0 {
					return false
				}
			}
			return true
		})
		checkLeft()
	})
	return r
}

// restart makes a new handler.
func (r *rig) restart() {
	if r.handler != nil {
		r.handler.Close()
	}
	r.handler = NewHandler(r.setup.Options)
	r.handler.Apply(r.setup.Settings)
}

// serve is the front's handler.
func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	if client := req.Header.Get(testClient); client != "" {
		req.RemoteAddr = client
		req.Header.Del(testClient)
	}
	r.handler.Serve(w, req, r.pool)
}

func withCookie(name string) setting { return func(r *rig, _ *setup) { r.pool.Cookie = name } }

// client is an HTTP client with connections and cookies of its own.
type client struct {
	t      *testing.T
	r      *rig
	http   *http.Client
	cookie *http.Cookie
	source string // its address; "": that of the connection
}

func (r *rig) client() *client {
	transport := &http.Transport{DisableCompression: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &client{t: r.t, r: r, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a request and returns the response and its body; err is the error of reading
// the body.
func (c *client) do(method, path string, body io.Reader, header ...string) (got *reply, text string, err error) {
	c.t.Helper()
	req, err := http.NewRequest(method, c.r.front.URL+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	if c.cookie != nil {
		req.AddCookie(c.cookie)
	}
	if c.source != "" {
		req.Header.Set(testClient, c.source)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	for _, cookie := range res.Cookies() {
		if cookie.Name == c.r.pool.Cookie {
			c.cookie = cookie
		}
	}
	return (*reply)(res), string(b), err
}

// get sends a GET and returns the node's report.
func (c *client) get(path string, header ...string) seen {
	c.t.Helper()
	return c.tell(http.MethodGet, path, nil, header...)
}

func (c *client) tell(method, path string, body io.Reader, header ...string) seen {
	c.t.Helper()
	res, text, err := c.do(method, path, body, header...)
	if err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %s %q, %v", method, path, res.Status, text, err)
	}
	return seenIn(c.t, text)
}

// refused checks that the balancer itself answers a request.
func (c *client) refused(status int, why, method, path string, body io.Reader, header ...string) {
	c.t.Helper()
	res, text, err := c.do(method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	wantRefusal(c.t, res, text, status, why)
}

func wantRefusal(t *testing.T, res *reply, text string, status int, why string) {
	t.Helper()
	if res.StatusCode != status || !strings.Contains(text, why) || strings.Count(text, "\n") != 1 {
		t.Errorf("answered %s %q, want %d with %q in one line", res.Status, text, status, why)
	}
	if got := res.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}

// raw is a connection to the front for requests that no client library would send.
type raw struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func (r *rig) raw() *raw {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &raw{r.t, conn, bufio.NewReader(conn)}
}

func (c *raw) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads the response to a request of the method, with its body.
func (c *raw) receive(method string) (*reply, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return (*reply)(res), string(body)
}

// ends reads to the end of the connection.
func (c *raw) ends() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.reader); os.IsTimeout(err) {
		c.t.Error("the connection is still open")
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<16)
			t.Fatalf("waited %v in vain until %s\n%s", patience, what, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond) //nolint:forbidigo // between two looks, not a guess at how long it takes
	}
}

// refusedAddress is an address where nobody listens. A port that was free a moment ago
// may belong to another test.
const refusedAddress = "127.0.0.1:1"

// newTLSFront serves the requests of a rig over TLS.
func newTLSFront(t *testing.T, r *rig) *httptest.Server {
	t.Helper()
	front := httptest.NewTLSServer(http.HandlerFunc(r.serve))
	t.Cleanup(front.Close)
	return front
}

// seenIn parses a node's report.
func seenIn(t *testing.T, text string) (s seen) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return s
}
