package admin

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"mqttlb/balancer"
	"mqttlb/proxy"
	"mqttlb/proxy/snapshot"
)

// serve runs an admin server by address and its balancer, and returns its URL.
func serve(t *testing.T, dropped func() Lines) string {
	t.Helper()
	b, err := balancer.NewPool(balancer.PoolSpec{Name: "pool", Nodes: []balancer.NodeSpec{{Name: "node", Address: "127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	pool := &snapshot.Pool{Pool: b}
	log := slog.New(slog.DiscardHandler)
	srv, err := proxy.New(&snapshot.Snapshot{
		Listeners:      []*snapshot.Listener{{Name: "mqtt", Network: "tcp", Address: "127.0.0.1:0", Pool: pool}},
		MaxConnections: 10,
	}, log)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served, ran := make(chan error, 1), make(chan struct{})
	go func() { // ends when ctx does
		from := Sources{Server: srv, Pools: func() []*snapshot.Pool { return []*snapshot.Pool{pool} }, LinesDropped: dropped}
		served <- New(from, log).Serve(ctx, ln, ByAddress)
	}()
	go func() { // ends when ctx does
		defer close(ran)
		srv.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ran
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return "http://" + ln.Addr().String()
}

func ask(t *testing.T, method, url string, header http.Header) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestWrongRequestsAreRefused(t *testing.T) {
	url := serve(t, nil)
	for _, row := range []struct {
		method, path string
		header       http.Header
		code         int
	}{
		{"POST", "/healthz", nil, 405},
		{"DELETE", "/metrics", nil, 405},
		{"GET", "/", nil, 404},
		{"GET", "/metrics/../../etc/passwd", nil, 404},
		{"GET", "/healthz", http.Header{"X-Long": {strings.Repeat("x", 2*maxHeader)}}, 431},
	} {
		if code, _ := ask(t, row.method, url+row.path, row.header); code != row.code {
			t.Errorf("%s %s: %d, want %d", row.method, row.path, code, row.code)
		}
	}
}

func TestWithoutAnAPITheAnswerSaysThatThisIsTheDemo(t *testing.T) {
	url := serve(t, nil)
	if code, body := ask(t, "GET", url+"/api/v1/status", nil); code != 404 || !strings.Contains(body, "mqttlb demo") {
		t.Errorf("%d %s", code, body)
	}
}

func TestMetricsShowEveryNodeAndOutcomeFromTheStart(t *testing.T) {
	url := serve(t, func() Lines { return Lines{Process: 7, Lines: proxy.Lines{Sessions: 8}} })
	code, body := ask(t, "GET", url+"/metrics", nil)
	if code != 200 {
		t.Fatal(code, body)
	}
	for _, line := range []string{
		`mqttlb_connections_open{listener="mqtt"} 0`,
		`mqttlb_connections_accepted_total{listener="mqtt"} 0`,
		`mqttlb_outcomes_total{listener="mqtt",outcome="client_closed"} 0`,
		`mqttlb_outcomes_total{listener="mqtt",outcome="not_mqtt"} 0`,
		`mqttlb_refusals_total{listener="mqtt",reason="connect_rate"} 0`,
		`mqttlb_refusals_total{listener="mqtt",reason="address_connections"} 0`,
		`mqttlb_refusals_total{listener="mqtt",reason="address_rate"} 0`,
		`mqttlb_sessions_open{listener="mqtt",node="node",pool="pool",protocol="mqtt",version="5"} 0`,
		`mqttlb_publishes_total{direction="sent",listener="mqtt",node="node",pool="pool",qos="2"} 0`,
		`mqttlb_node_connacks_total{code="0x00",node="node",pool="pool"} 0`,
		`mqttlb_bytes_total{direction="received",listener="mqtt",node="node",pool="pool"} 0`,
		`mqttlb_node_state{node="node",pool="pool",state="up"} 1`,
		`mqttlb_node_state{node="node",pool="pool",state="down"} 0`,
		`mqttlb_max_connections 10`,
		`mqttlb_log_lines_dropped_total{kind="process"} 7`,
		`mqttlb_log_lines_dropped_total{kind="session"} 8`,
		`mqttlb_log_lines_sampled_out_total{kind="session"} 0`,
		`mqttlb_log_lines_sampled_out_total{kind="request"} 0`,
		`go_goroutines`,
		`process_open_fds`,
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("%q is missing", line)
		}
	}
	if strings.Contains(body, `outcome="none"`) || strings.Contains(body, `reason="client_closed"`) {
		t.Error("an outcome that is none, or no refusal, is among them")
	}
}
