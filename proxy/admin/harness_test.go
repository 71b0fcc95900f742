package admin

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// patience is how long a test waits for an event that must happen.
const patience = 30 * time.Second

const rightToken = "0123456789abcdef0123456789abcdef"

// fakeControl answers with what the test has set, and records what is asked for. What it does not have
// crashes.
type fakeControl struct {
	Control

	mu    sync.Mutex // guards calls
	calls []string

	err     error // of every method
	reload  api.Reload
	diff    api.Diff
	kicking func(ctx context.Context) // waits in Kick; nil: it does not
}

func (f *fakeControl) call(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// said returns the calls so far, and forgets them.
func (f *fakeControl) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	said := strings.Join(f.calls, "\n")
	f.calls = nil
	return said
}

var someTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (f *fakeControl) Status(context.Context) (api.Status, error) {
	return api.Status{
		Version: "v1", PID: 1, Started: someTime, State: api.Serving, Ready: true,
		Listeners: []api.ListenerStatus{{Name: "mqtt", Address: ":1883", Protocol: "mqtt", Pool: "p"}}, Pools: []api.PoolStatus{{Name: "p"}},
	}, f.err
}

func (f *fakeControl) Nodes(context.Context) (api.Nodes, error) {
	return api.Nodes{Nodes: []api.Node{aNode("n1")}}, f.err
}

func aNode(name string) api.Node {
	return api.Node{
		Name: name, Operator: api.NodeOperator{State: api.Draining, Since: &someTime}, Drain: &api.Drain{Began: someTime, Sessions: 5, PerSecond: 0.5},
		Pools: []api.NodeInPool{{Pool: "p", Address: "h:1", State: "up", Health: "up", Healthy: true, Since: &someTime, OutlierUntil: &someTime, Overloaded: true}},
	}
}

func (f *fakeControl) Config(context.Context) (api.Config, error) {
	return api.Config{Generation: 1, Read: someTime, Config: "log: {}\n"}, f.err
}

func (f *fakeControl) Rules(_ context.Context, q RuleQuery) (api.Rules, error) {
	f.call("rules %+v", q)
	return api.Rules{Rules: []api.Rule{{Listener: "mqtt", Rule: "no-test", Action: "deny", Matched: 3}}}, f.err
}

func (f *fakeControl) Alarms(context.Context) (api.Alarms, error) {
	return api.Alarms{Alarms: []api.Alarm{{Name: "node_down", Subject: "p/n1", Since: &someTime, Text: "refused"}}}, f.err
}

func (f *fakeControl) Log(context.Context) (api.Log, error) {
	return api.Log{Level: "info", Fields: []string{"node"}}, f.err
}

func (f *fakeControl) SetLog(_ context.Context, by Origin, l api.Log) (api.Log, error) {
	f.call("log by %s: %+v", by.Who, l)
	return l, f.err
}

func (f *fakeControl) Sessions(_ context.Context, q SessionQuery) (api.Sessions, error) {
	f.call("sessions %+v", q)
	return api.Sessions{Total: 1, Sessions: []api.Session{{ID: "1", Listener: "mqtt", Client: "127.0.0.1:5", ClientID: "c", State: "connected", Began: someTime}}}, f.err
}

func (f *fakeControl) Route(_ context.Context, q RouteQuery) (api.Route, error) {
	said := fmt.Sprintf("route %q persistent:%v", q.ClientID, q.Persistent)
	for name, value := range map[string]*string{"sni": q.SNI, "username": q.Username, "version": q.Version, "address": q.Address, "host": q.Host, "path": q.Path} {
		if value != nil {
			said += fmt.Sprintf(" %s:%q", name, *value)
		}
	}
	f.call("%s%s", said, q.Listener)
	return api.Route{ClientID: q.ClientID, Routes: []api.ListenerRoute{{
		Listeners: []string{"mqtt"}, Ways: []api.RouteWay{{Listener: "mqtt", Sure: true}}, Pool: "p", Algorithm: "consistent_hash", Candidates: []api.Candidate{{Node: "n1", State: "up", Why: "first"}},
	}}, Rules: []api.RouteRule{{Listener: "mqtt", Rule: "lan", Action: "deny", Undecided: []string{"cidr"}}}, MoreRules: true}, f.err
}

func (f *fakeControl) Bans(context.Context) (api.Bans, error) {
	return api.Bans{Total: 1, Bans: []api.Ban{{Address: "203.0.113.7", Cause: "not_mqtt", Began: someTime, Until: someTime}}}, f.err
}

func (f *fakeControl) Ban(_ context.Context, b api.BanRequest) (api.Ban, error) {
	f.call("ban %s for %s", b.Address, b.Time)
	return api.Ban{Address: b.Address, Cause: "operator", Began: someTime, Until: someTime}, f.err
}

func (f *fakeControl) Unban(_ context.Context, b api.UnbanRequest) (api.Unbanned, error) {
	f.call("unban %s all:%v", b.Address, b.All)
	return api.Unbanned{Lifted: 1}, f.err
}

func (f *fakeControl) Check(context.Context) (api.Check, error) {
	return api.Check{Faults: []string{}}, f.err
}

func (f *fakeControl) Reload(_ context.Context, by Origin) (api.Reload, error) {
	f.call("reload by %s", by.Who)
	if f.reload.Changes == nil {
		f.reload.Changes = []api.Change{}
	}
	return f.reload, f.err
}

func (f *fakeControl) Diff(_ context.Context, file string) (api.Diff, error) {
	f.call("diff %s", file)
	if f.diff.Changes == nil {
		f.diff.Changes = []api.Change{}
	}
	return f.diff, f.err
}

func (f *fakeControl) SetNode(_ context.Context, by Origin, name, verb string, c api.NodeChange) (api.Node, error) {
	f.call("%s %s by %s: pace %q", verb, name, by.Who, c.Pace)
	return aNode(name), f.err
}

func (f *fakeControl) Kick(ctx context.Context, by Origin, k api.Kick) (api.Kicked, error) {
	f.call("kick by %s: %+v", by.Who, k)
	if f.kicking != nil {
		f.kicking(ctx)
	}
	return api.Kicked{Kicked: 7}, f.err
}

func (f *fakeControl) Yield(_ context.Context, by Origin) (api.Yield, error) {
	f.call("yield by %s", by.Who)
	return api.Yield{Socket: "/run/mqttlb/mqttlb-1.sock"}, f.err
}

func (f *fakeControl) Stop() { f.call("stop") }

func (f *fakeControl) Audit(by Origin, action string, attrs ...slog.Attr) {
	text := ""
	for _, a := range attrs {
		text += " " + a.String()
	}
	f.call("audit %s by %s:%s", action, by.Who, text)
}

// rig is a server with a fakeControl.
type rig struct {
	*fakeControl
	server *Server
	events *Events
	log    *proxytest.Log
	url    string // of the first listener
	client *http.Client
}

// newRig runs a server, on a loopback address.
func newRig(t *testing.T, a *Access) *rig {
	t.Helper()
	return newRigOn(t, a, loopback(t), ByAddress)
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// elsewhere is a loopback listener that others take for one that other machines reach.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9090} }

// newRigOn runs a server on a listener.
func newRigOn(t *testing.T, a *Access, ln net.Listener, way Way) *rig {
	t.Helper()
	r := &rig{fakeControl: new(fakeControl), events: new(Events), log: new(proxytest.Log)}
	idle, pools := idleServer(t)
	r.server = New(Sources{Server: idle, Pools: pools, Control: r.fakeControl, Events: r.events}, slog.New(slog.NewTextHandler(r.log, nil)))
	if a != nil {
		r.server.SetAccess(a)
	}
	dialed := ln
	if e, ok := ln.(elsewhere); ok {
		dialed = e.Listener
	}
	r.url = "http://" + dialed.Addr().String()
	r.client = &http.Client{Timeout: patience, Transport: &http.Transport{}}
	if dialed.Addr().Network() == "unix" {
		path := dialed.Addr().String()
		r.url = "http://mqttlb"
		r.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(ctx, ln, way) }() // ends when ctx does
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

// idleServer returns a balancer that carries no session.
func idleServer(t *testing.T) (*proxy.Server, func() []*snapshot.Pool) {
	t.Helper()
	b, err := balancer.NewPool(balancer.PoolSpec{Name: "pool", Nodes: []balancer.NodeSpec{{Name: "node", Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	pool := &snapshot.Pool{Pool: b}
	srv, err := proxy.New(&snapshot.Snapshot{
		Listeners:      []*snapshot.Listener{{Name: "mqtt", Network: "tcp", Address: "127.0.0.1:0", Pool: pool}},
		MaxConnections: 10,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv, func() []*snapshot.Pool { return []*snapshot.Pool{pool} }
}

// unixListener listens on a Unix socket.
func unixListener(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// answered is an answer without its body.
type answered struct {
	StatusCode int
	Header     http.Header
}

// do sends a request, whose header is given as pairs.
func (r *rig) do(t *testing.T, method, path, body string, header ...string) (answered, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
			continue
		}
		request.Header.Add(header[i], header[i+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header}, string(text)
}

// withToken is the header of a change with a body.
func withToken() []string {
	return []string{"Authorization", "Bearer " + rightToken, "Content-Type", "application/json"}
}
