package main_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"mqttlb/proxy/proxytest"
)

// requestLine is the log line of an HTTP request.
type requestLine struct {
	Listener, Client, Method, Host, Path, Pool, Node, Duration, Error string
	Status                                                            int
	Received, Sent                                                    int64
}

// request waits for the line of a request with all the parts.
func (b *balancer) request(t *testing.T, parts ...string) requestLine {
	t.Helper()
	text := b.waitFor(t, append(parts, `"msg":"request"`)...)
	var line requestLine
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return line
}

func TestRequestsHaveLines(t *testing.T) {
	t.Parallel()
	front := startDashboards(t, "front")[0]
	asked := make(chan struct{}, 1)
	slow := proxytest.Serve(t, "127.0.0.1:0", func(c *net.TCPConn) { // never answers
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			asked <- struct{}{}
			io.Copy(io.Discard, c)
		}
	})
	b := serve(t, `
listeners:
  - name: web
    address: "${web}"
    protocol: http
    pool: dashboard
    routes:
      - {path: /gone/, pool: gone}
      - {path: /slow, pool: slow}
      - {path: /mqtt, protocol: ws, pool: brokers}
pools:
  - {name: brokers, health: {probe: none}, nodes: [{name: m, address: "127.0.0.1:1"}]}
  - name: gone
    protocol: http
    health: {probe: none}
    nodes: [{name: g, address: "127.0.0.1:1"}]
  - name: slow
    protocol: http
    health: {probe: none}
    nodes: [{name: s, address: "`+slow+`"}]
  - name: dashboard
    protocol: http
    nodes:
`+httpNodes(front)+`
limits: {max_request_size: 1KiB}
`)
	addr := b.addrs["web"]
	browser := newBrowser(t, "127.0.0.6")
	url := "http://" + addr
	status, _, body := get(t, browser, url+"/api/x%0A%1b%22?token=secret", "")
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	line := b.request(t, "/api/x")
	client := line.Client
	line.Client, line.Duration = "", ""
	if want := (requestLine{Listener: "web", Method: "GET", Host: addr, Path: "/api/x%0A%1B%22", Pool: "dashboard", Node: "front", Status: 200, Sent: int64(len(body))}); line != want {
		t.Errorf("got %+v, want %+v", line, want)
	}
	if !strings.HasPrefix(client, "127.0.0.6:") {
		t.Errorf("the client is %s", client)
	}
	if len(b.said("secret")) > 0 {
		t.Error("a query is in the log")
	}

	resp, err := browser.Post(url+"/api/post", "text/plain", strings.NewReader(strings.Repeat("x", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if line := b.request(t, "/api/post"); line.Received != 1000 || line.Method != "POST" || line.Status != 200 {
		t.Errorf("got %+v", line)
	}

	get(t, browser, url+"/gone/away", "")
	line = b.request(t, "/gone/away")
	if line.Status != http.StatusBadGateway || line.Pool != "gone" || line.Node != "g" || !strings.HasPrefix(line.Error, "no node could be reached: ") || !strings.Contains(line.Error, "127.0.0.1:1: connect: connection refused") {
		t.Errorf("got %+v", line)
	}
	resp, err = browser.Post(url+"/large", "text/plain", strings.NewReader(strings.Repeat("x", 2000)))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if line := b.request(t, "/large"); line.Status != http.StatusRequestEntityTooLarge || line.Error != "the request's body is over 1024 bytes: limits.max_request_size" || line.Pool != "dashboard" {
		t.Errorf("got %+v", line)
	}
	get(t, browser, url+"/mqtt", "")
	if line := b.request(t, `"/mqtt"`); line.Status != http.StatusUpgradeRequired || line.Error == "" || line.Node != "" {
		t.Errorf("got %+v", line)
	}
	long := "/" + strings.Repeat("l", 4000)
	get(t, browser, url+long, "")
	if line := b.request(t, "/lllll"); len(line.Path) != 256 {
		t.Errorf("the path has %d bytes", len(line.Path))
	}

	// A client that goes away while its node thinks.
	conn := dialWire(t, addr, "")
	fmt.Fprintf(conn, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	conn.Close()
	if line := b.request(t, "/slow"); line.Status != 0 || line.Error != "the client left before the answer" {
		t.Errorf("got %+v", line)
	}
}

// The line of a tunnel comes at its end.
func TestTunnelsHaveALineAtTheirEnd(t *testing.T) {
	t.Parallel()
	front := startDashboards(t, "front")[0]
	b := serve(t, `
listeners: [{name: web, address: "${web}", protocol: http, pool: dashboard}]
pools:
  - name: dashboard
    protocol: http
    nodes:
`+httpNodes(front))
	ws, resp, err := websocket.DefaultDialer.Dial("ws://"+b.addrs["web"]+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := ws.ReadMessage(); err != nil || string(m) != "hello" {
		t.Fatal(string(m), err)
	}
	if lines := b.said(`"msg":"request"`, "/live"); len(lines) > 0 {
		t.Errorf("the tunnel is open and has the line %s", lines[0])
	}
	ws.Close()
	// A frame of 5 bytes takes 11 with its mask, and 7 without.
	if line := b.request(t, "/live"); line.Status != http.StatusSwitchingProtocols || line.Received < 11 || line.Sent < 7 || line.Node != "front" || line.Error != "" {
		t.Errorf("got %+v", line)
	}
}

// Requests are sampled by their status.
func TestRequestsAreSampled(t *testing.T) {
	t.Parallel()
	front := startDashboards(t, "front")[0]
	b := serve(t, `
listeners: [{name: web, address: "${web}", protocol: http, pool: dashboard}]
pools:
  - name: dashboard
    protocol: http
    nodes:
`+httpNodes(front)+`
log: {level: info, format: json, sample: 5/s}
`)
	conn, err := net.Dial("tcp", b.addrs["web"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	ask := func(request string, want int) {
		t.Helper()
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: a\r\n\r\n", request)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("%s: %v, %v", request, resp, err)
		}
		resp.Body.Close()
	}
	const flood = 300
	for range flood {
		ask("OPTIONS *", http.StatusNoContent)
	}
	ask("CONNECT a:1", http.StatusMethodNotAllowed)
	b.request(t, "CONNECT", `"status":405`)
	left := b.metrics(t).sum(t, "mqttlb_log_lines_sampled_out_total", `kind="request"`)
	if written := float64(len(b.said(`"msg":"request"`, `"OPTIONS"`))); written < 5 || written+left != flood {
		t.Errorf("%v lines and %v left out, of %d", written, left, flood)
	}
}
