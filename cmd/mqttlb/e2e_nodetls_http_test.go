package main_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"
)

// server returns the TLS configuration of a node that shows the lab's certificate and
// asks for a client certificate of the lab.
func (l lab) server(t *testing.T) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(l.file("server.pem"), l.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: l.client(t, "").RootCAs,
	}
}

// A dashboard over HTTPS works: its pages, its probe, and a WebSocket that is not MQTT.
func TestADashboardOfHTTPSIsServedAndProbed(t *testing.T) {
	t.Parallel()
	l := newLab(t, "balancer")
	nodes := startDashboardsOver(t, l.server(t), "a", "b")
	stranger := startDashboardsOver(t, newLab(t).server(t), "stranger")
	b := serve(t, `
listeners:
  - {name: http, address: "${http}", protocol: http, pool: dashboard}
  - {name: https, address: "${https}", protocol: http, pool: dashboard, tls: `+l.tls()+`}
pools:
  - name: dashboard
    protocol: http
    hash_key: cookie
    health: {probe: http, path: /status, interval: 2s, timeout: 2s, rise: 1, fall: 2}
    tls: `+l.toNodes(l.shown("balancer"))+`
    nodes:
`+httpNodes(append(nodes, stranger...)...))
	b.waitFor(t, `"msg":"node is down"`, `"node":"stranger"`, "TLS: certificate signed by unknown authority")
	isUp := func(d *dashboard, want float64) func() bool {
		return func() bool {
			return b.metrics(t).sum(t, "mqttlb_node_state", fmt.Sprintf("node=%q", d.name), `state="up"`) == want
		}
	}
	const browsers = 40 // nodes are random; 40 browsers practically never share one
	visit := func(scheme string) map[string]int {
		t.Helper()
		guests := map[string]int{}
		for range browsers {
			browser := newBrowser(t, "")
			browser.Transport.(*http.Transport).TLSClientConfig = l.client(t, "")
			status, node, body := get(t, browser, scheme+"://"+b.addrs[scheme]+"/page", "")
			if status != http.StatusOK {
				t.Fatalf("%s: status %d: %s", scheme, status, body)
			}
			guests[node]++
			browser.CloseIdleConnections()
		}
		return guests
	}
	for _, scheme := range []string{"http", "https"} {
		if guests := visit(scheme); guests["a"]+guests["b"] != browsers || guests["a"] == 0 || guests["b"] == 0 {
			t.Errorf("%s: %d browsers are on %v", scheme, browsers, guests)
		}
	}
	for _, url := range []string{"ws://" + b.addrs["http"], "wss://" + b.addrs["https"]} {
		d := websocket.Dialer{TLSClientConfig: l.client(t, ""), HandshakeTimeout: patience}
		conn, resp, err := d.Dial(url+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close() // it is empty
		defer conn.Close()
		want := bytes.Repeat([]byte("live"), 200_000)
		if err := conn.WriteMessage(websocket.BinaryMessage, want); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes came back, %v, want %d", url, len(got), err, len(want))
		}
	}
	nodes[0].evicted.Store(true)
	eventually(t, "a is down", isUp(nodes[0], 0))
	b.waitFor(t, `"msg":"node is down"`, `"node":"a"`, "503")
	if guests := visit("https"); guests["b"] != browsers {
		t.Errorf("with a out %d browsers are on %v", browsers, guests)
	}
}
