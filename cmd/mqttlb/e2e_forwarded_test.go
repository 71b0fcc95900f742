package main_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// behindWebProxy has a listener for WebSocket and one for requests, both behind an HTTP proxy, and one for
// clients that come directly.
func behindWebProxy(pool string, dashboard *dashboard) string {
	return `
listeners:
  - {name: ws, address: "${ws}", protocol: ws, pool: brokers, client_address: x-forwarded-for, trusted_proxies: [127.0.0.1, 10.0.0.0/8]}
  - {name: web, address: "${web}", protocol: http, pool: dashboard, client_address: x-forwarded-for, trusted_proxies: [127.0.0.1]}
limits: {max_connections_per_address: 1}
pools:
  - name: dashboard
    protocol: http
    health: {probe: none}
    nodes: [{name: front, address: "` + dashboard.Listener.Addr().String() + `"}]
` + pool
}

// brokersPool is a pool with one node, a Mosquitto.
func brokersPool(broker *mosquitto) string {
	return `
  - name: brokers
    health: {probe: none}
    nodes:
` + nodes(broker)
}

// A real HAProxy in mode http has its clients told apart, and its own address has no limit.
func TestClientsBehindHAProxyInModeHTTPAreToldApart(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, behindWebProxy(brokersPool(broker), startDashboards(t, "front")[0]))
	front := func(listener string) string {
		return startHAProxyWith(t, "", b.addrs[listener], "mode http", "option forwardfor", "http-reuse always", "timeout tunnel 60s")
	}
	ws, web := front("ws"), front("web")
	for i := 2; i < 8; i++ {
		from := fmt.Sprint("127.0.0.", i)
		first := joinWS(t, ws, from, 5, "first-"+from)
		if second, err := tryJoinWS(ws, from, 5, "second-"+from); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("a second client of %s: %v, %v", from, second, err)
		}
		defer func() {
			first.disconnect(t)
			if s := b.sessionsEnded(t, 1, "first-"+from)[0]; s.Client != from+":0" {
				t.Errorf("the log has client %s, want %s:0", s.Client, from)
			}
		}()
		browser := fmt.Sprint("127.0.1.", i)
		client := &http.Client{Transport: &http.Transport{DialContext: dialer(browser).DialContext}}
		defer client.CloseIdleConnections()
		for j := range 3 { // on connections of HAProxy that other clients use, too
			path := fmt.Sprintf("/from/%s/%d", browser, j)
			r, _ := http.NewRequest(http.MethodGet, "http://"+web+path, nil)
			r.Header.Set("X-Forwarded-For", "192.0.2.66")
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if line := b.request(t, path); line.Client != browser+":0" || line.Status != resp.StatusCode {
				t.Errorf("the log has %+v, want %s:0", line, browser)
			}
		}
	}
}

// The port of a client behind an HTTP proxy is not known. RabbitMQ takes a zero in a PROXY header of version 2
// and refuses it in one of version 1.
func TestABrokerTakesAClientWithoutAPort(t *testing.T) {
	t.Parallel()
	rabbit := startRabbitMQ(t)
	for header, port := range map[string]string{"v1": "1", "v2": "0"} {
		b := serve(t, behindWebProxy(`
  - name: brokers
    proxy_protocol: `+header+`
    health: {probe: none}
    nodes: [{name: rabbit, address: "`+rabbit.addr+`"}]
`, startDashboards(t, "front")[0]))
		ws := startHAProxyWith(t, "", b.addrs["ws"], "mode http", "option forwardfor", "timeout tunnel 60s")
		w := joinWS(t, ws, "127.0.0.4", 4, "forwarded-"+header)
		rabbit.waitFor(t, "forwarded-"+header, "127.0.0.4", port)
		w.disconnect(t)
	}
}

func TestAClientThatIsNoProxyIsNotBelieved(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, behindWebProxy(brokersPool(broker), startDashboards(t, "front")[0]))
	client := &http.Client{Transport: &http.Transport{DialContext: dialer("127.0.0.9").DialContext}}
	defer client.CloseIdleConnections()
	r, _ := http.NewRequest(http.MethodGet, "http://"+b.addrs["web"]+"/forged", nil)
	r.Header.Set("X-Forwarded-For", "192.0.2.66")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if host, port, _ := net.SplitHostPort(b.request(t, "/forged").Client); host != "127.0.0.9" || port == "0" {
		t.Errorf("the log has client %s port %s", host, port)
	}
}
