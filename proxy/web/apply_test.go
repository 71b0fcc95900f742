package web

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// poolOf returns a pool with the rig's name and one node.
func (r *rig) poolOf(name, address string) *snapshot.Pool {
	r.t.Helper()
	p, err := balancer.NewPool(balancer.PoolSpec{Name: r.pool.Name, Nodes: []balancer.NodeSpec{{Name: name, Address: address}}})
	if err != nil {
		r.t.Fatal(err)
	}
	return &snapshot.Pool{Pool: p}
}

// apply applies a pool: requests now go to it.
func (r *rig) apply(p *snapshot.Pool) {
	r.pool = p
	r.change(func(s *Settings) { s.Pools = []*snapshot.Pool{p} })
}

// keepIdle removes the time limit of idle connections to nodes, so that only the handler
// closes one.
func (r *rig) keepIdle() {
	made := r.handler.transports.make
	r.handler.transports.make = func(key transportKey) *http.Transport {
		t := made(key)
		t.IdleConnTimeout = 0
		return t
	}
}

// transports returns the number of transports.
func (r *rig) transports() int {
	t := &r.handler.transports
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.made)
}

// streaming starts a node that begins its responses at once and continues them when told.
func streaming(t *testing.T, name string) (n *node, goOn chan string) {
	goOn = make(chan string)
	return newNode(t, name, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for text := range goOn {
			io.WriteString(w, text)
			w.(http.Flusher).Flush()
			if text == "end" {
				return
			}
		}
	})), goOn
}

func TestConnectionsOutliveAConfigurationThatSaysTheSameOfThem(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a})
	r.keepIdle()
	c := r.client()
	c.get("/")
	for range 3 {
		r.setup.MaxRequestSize++
		r.setup.DialTimeout++
		r.setup.BodyTimeout += time.Hour
		r.apply(r.poolOf("a", a.address)) // another pool with the same names
		c.get("/")
	}
	if n := a.dialled.Load(); n != 1 {
		t.Errorf("%d connections, want one for all", n)
	}
	if got := r.handler.answers.ByStatus(); len(got) != 0 {
		t.Errorf("answered %v", got)
	}
}

func TestAnswersAreCountedAcrossConfigurations(t *testing.T) {
	r := start(t, []*node{{name: "a", address: refusedAddress}})
	for range 3 {
		r.client().refused(http.StatusBadGateway, "could be reached", http.MethodGet, "/", nil)
		r.apply(r.poolOf("a", refusedAddress))
	}
	if got := r.handler.answers.ByStatus(); got[502] != 3 {
		t.Errorf("counted %v, want 3", got)
	}
}

func TestConnectionsThatAConfigurationChangesAreMadeAnew(t *testing.T) {
	for name, change := range map[string]func(*rig, *node){
		"the address of the node": func(r *rig, b *node) { r.apply(r.poolOf("a", b.address)) },
		"the name of the node":    func(r *rig, b *node) { r.apply(r.poolOf("b", b.address)) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newNode(t, "a", nil), newNode(t, "b", nil)
			r := start(t, []*node{a, b})
			r.apply(r.poolOf("a", a.address))
			r.keepIdle()
			c := r.client()
			c.get("/")
			change(r, b)
			if s := c.get("/"); s.Node != "b" || b.dialled.Load() != 1 {
				t.Errorf("answered by %s over connection %d of b", s.Node, b.dialled.Load())
			}
			eventually(t, "the connection that nobody needs is closed", func() bool { return a.open.Load() == 0 })
			eventually(t, "one transport is left", func() bool { return r.transports() == 1 })
		})
	}
}

func TestConnectionsDependOnWhatIsSentBeforeARequestAndOnItsTimes(t *testing.T) {
	r := start(t, []*node{newNode(t, "a", nil)})
	key := func(s Settings, p snapshot.Pool) transportKey {
		p.Pool = r.pool.Pool
		return newSettings(s).transportKey(&p, r.pool.Nodes()[0])
	}
	plain := key(Settings{}, snapshot.Pool{})
	if plain != key(Settings{DialTimeout: 1, TunnelTimeout: 1, MaxRequestSize: 1}, snapshot.Pool{Cookie: "c", DialFailed: r.pool.DialFailed}) {
		t.Error("they depend on what is of one request alone")
	}
	for name, other := range map[string]transportKey{
		"send_proxy":        key(Settings{}, snapshot.Pool{SendProxy: 1}),
		"source":            key(Settings{}, snapshot.Pool{Source: source.Transparent()}),
		"tls":               key(Settings{}, snapshot.Pool{TLS: &snapshot.NodeTLS{}}),
		"timeouts.response": key(Settings{ResponseTimeout: stallTimeout}, snapshot.Pool{}),
		"min_body_rate":     key(Settings{MinBodyRate: 1}, snapshot.Pool{}),
	} {
		if other == plain {
			t.Errorf("they do not depend on %s", name)
		}
	}
}

func TestRequestUnderWayGoesOnWhenItsNodeIsTakenOut(t *testing.T) {
	a, goOn := streaming(t, "a")
	b := newNode(t, "b", nil)
	r := start(t, []*node{a, b})
	r.apply(r.poolOf("a", a.address))
	r.keepIdle()
	conn := r.raw()
	conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	goOn <- "begin"
	res, err := http.ReadResponse(conn.reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	begin := make([]byte, len("begin"))
	if _, err := io.ReadFull(res.Body, begin); err != nil {
		t.Fatal(err)
	}
	r.apply(r.poolOf("b", b.address))
	if s := r.client().get("/"); s.Node != "b" {
		t.Errorf("a new request is answered by %s", s.Node)
	}
	goOn <- "middle"
	goOn <- "end"
	if rest, err := io.ReadAll(res.Body); string(begin)+string(rest) != "beginmiddleend" || err != nil {
		t.Errorf("the response is %q, %v", string(begin)+string(rest), err)
	}
	eventually(t, "its connection is closed after it", func() bool { return a.open.Load() == 0 })
}

func TestRequestKeepsTheLimitsThatItBeganWith(t *testing.T) {
	a, goOn := streaming(t, "a")
	r := start(t, []*node{a}, withMaxRequestSize(5))
	r.keepIdle()
	conn := r.raw()
	conn.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
	eventually(t, "the request has begun", func() bool { return a.requests.Load() == 1 })
	r.change(func(s *Settings) {
		s.MaxRequestSize, s.TunnelTimeout, s.ResponseTimeout = 1, time.Nanosecond, time.Nanosecond
	})
	for range 100 {
		goOn <- "x"
	}
	goOn <- "end"
	if res, text := conn.receive(http.MethodPost); res.StatusCode != http.StatusOK || len(text) != 103 {
		t.Errorf("%s and %d bytes, want 103", res.Status, len(text))
	}
	r.change(func(s *Settings) { s.ResponseTimeout = patience })
	r.client().refused(http.StatusRequestEntityTooLarge, "over 1 bytes", http.MethodPost, "/", strings.NewReader("hello"))
}

// A request may reach its node after its settings were replaced.
func TestTransportIsGoneWithItsLastRequest(t *testing.T) {
	a := newNode(t, "a", nil)
	r := start(t, []*node{a})
	r.keepIdle()
	h := r.handler
	key := h.settings.Load().transportKey(r.pool, r.pool.Nodes()[0])
	early, late := h.transports.take(key), h.transports.take(key)
	if early != late {
		t.Fatal("two transports of one key")
	}
	h.Apply(Settings{})
	x := &exchange{running: &running{handler: h, pool: r.pool}, settings: newSettings(r.setup.Settings)}
	for range 2 {
		req, err := http.NewRequest(http.MethodGet, "http://a/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := x.sendTo(r.pool.Nodes()[0], time.Time{}, req)
		if err != nil || x.transport != late {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	if n := a.dialled.Load(); n != 1 {
		t.Fatalf("%d connections, want one that is idle now", n)
	}
	for range 4 {
		h.transports.release(late)
	}
	eventually(t, "the connection is closed", func() bool { return a.open.Load() == 0 })
	if n := r.transports(); n != 0 {
		t.Errorf("%d transports are left", n)
	}
}

func TestSettingsChangeWhileRequestsCome(t *testing.T) {
	a, b := newNode(t, "a", nil), newNode(t, "b", nil)
	r := start(t, []*node{a, b})
	r.apply(r.poolOf("a", a.address))
	r.keepIdle()
	h, pools := r.handler, []*snapshot.Pool{r.pool, r.poolOf("a", b.address)}
	ended := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		c := r.client()
		clients.Go(func() { // ends after its requests
			for range 100 {
				c.get("/")
			}
		})
	}
	go func() { // ends with the last client
		defer close(ended)
		clients.Wait()
	}()
	for i, s := 0, r.setup.Settings; ; i++ {
		s.Pools = pools[i%2 : i%2+1]
		h.Apply(s)
		select {
		case <-ended:
		default:
			continue
		}
		break
	}
	h.Apply(r.setup.Settings)
	eventually(t, "no connection is left that the settings do not have", func() bool { return b.open.Load() == 0 && r.transports() <= 1 })
	if a.requests.Load() != 400 {
		t.Errorf("%d requests arrived, want 400", a.requests.Load())
	}
}
