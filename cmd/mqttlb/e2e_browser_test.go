package main_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"

	"mqttlb/proxy/proxytest"
)

// delivered is one message that the page received: its QoS, its size, and whether the
// payload is unchanged.
type delivered struct {
	qos, size int
	intact    bool
}

func (d *delivered) UnmarshalJSON(b []byte) error {
	_, err := fmt.Sscanf(string(b), "[%d,%d,%t]", &d.qos, &d.size, &d.intact)
	return err
}

// MQTT.js in Chromium loads pages and reaches brokers over one port, as with the
// dashboard of EMQX.
func TestMQTTjsInChromiumThroughThePortOfADashboard(t *testing.T) {
	t.Parallel()
	browser := startChromium(t)
	pages := servePages(t)
	tcp, ws := startWSMosquittos(t, 1)
	web := proxytest.FreeAddr(t, "127.0.0.1")
	_, port, _ := net.SplitHostPort(web)
	b := serve(t, `
listeners:
  - name: web
    address: "`+web+`"
    protocol: http
    pool: pages
    routes:
      - {host: ws.*, path: /mqtt, protocol: ws, pool: brokers-ws, allowed_origins: ["http://app.example.test:`+port+`"]}
      - {host: plain.*, path: /mqtt, protocol: ws, pool: brokers, allowed_origins: ["http://*.example.test:`+port+`"]}
pools:
  - name: pages
    protocol: http
    hash_key: cookie
    nodes: [{name: a, address: "`+pages.Listener.Addr().String()+`"}]
  - name: brokers
    nodes:
`+nodes(tcp...)+`
  - name: brokers-ws
    protocol: ws
    health: {probe: tcp}
    nodes:
`+nodes(ws...))

	page := openPage(browser, t, "http://app.example.test:"+port+"/page.html")
	for host, size := range map[string]int{
		"ws":    20_000, // Mosquitto 2.0 reads 50 KB a second from a WebSocket
		"plain": 1_000_000,
	} {
		for _, version := range []byte{4, 5} {
			t.Run(host+" "+versionName(version), func(t *testing.T) {
				id := fmt.Sprintf("browser-%s-%d", host, version)
				for _, size := range []int{5, size} { // in one read, and in many
					talk(page, t, fmt.Sprintf("ws://%s.example.test:%s/mqtt", host, port), version, id, size, 2)
				}
				for _, s := range b.sessionsEnded(t, 2, `"`+id+`"`) {
					if s.Version != versionName(version) || s.Node != "a" || s.Outcome != "client_disconnected" {
						t.Errorf("the session's line is %+v", s)
					}
				}
			})
		}
	}

	t.Run("a page of another origin", func(t *testing.T) {
		other := openPage(browser, t, "http://other.example.test:"+port+"/page.html")
		if _, err := call[bool](other, `open("ws://ws.example.test:%s/mqtt", {clientId: "foreign"})`, port); err == nil {
			t.Error("it was let in")
		}
		ended := b.sessionsEnded(t, 1, `"bad_upgrade"`, "403", "other.example.test")
		if ended[0].ClientID != "" || ended[0].Node != "" {
			t.Errorf("the session's line is %+v", ended[0])
		}
		// The origin was the reason.
		if _, err := call[bool](other, `open("ws://plain.example.test:%s/mqtt", {clientId: "welcome"})`, port); err != nil {
			t.Error(err)
		}
	})
}

// RabbitMQ's web-MQTT plug-in with PROXY on lists the address that the browser connects
// from.
func TestMQTTjsInChromiumBeforeRabbitMQ(t *testing.T) {
	t.Parallel()
	browser := startChromium(t)
	pages := servePages(t)
	rabbit := startWebRabbit(t)
	b := serve(t, `
listeners:
  - {name: ws, address: "${ws}", protocol: ws, path: /ws, pool: rabbit, allowed_origins: ["`+pages.URL+`"]}
pools:
  - name: rabbit
    protocol: ws
    proxy_protocol: v2
    health: {probe: http, status: 404, path: /nothing}
    nodes: [{name: rabbit, address: "`+rabbit.mqtt+`"}]
`)
	page := openPage(browser, t, pages.URL+"/page.html")
	url := "ws://" + b.addrs["ws"] + "/ws"
	const id = "browser-rabbit"
	talk(page, t, url, 4, id, 1_000_000, 1) // RabbitMQ 3.10 has no QoS 2: it grants 1
	if _, err := call[bool](page, `open(%q, {clientId: %q, protocolVersion: 4})`, url, id); err != nil {
		t.Fatal(err)
	}
	seen := rabbit.waitFor(t, id)
	if _, err := call[any](page, "leave()"); err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, s := range b.sessionsEnded(t, 2, `"`+id+`"`) {
		own = append(own, s.Client)
	}
	if !slices.Contains(own, seen) {
		t.Errorf("RabbitMQ lists the browser as %s, it came from %v", seen, own)
	}
}

// talk makes the page publish to itself once with each QoS, and disconnect. The broker
// delivers with at most the highest QoS that it supports.
func talk(page context.Context, t *testing.T, url string, version byte, id string, size, best int) {
	t.Helper()
	got, err := call[[]delivered](page, `converse(%q, {clientId: %q, protocolVersion: %d}, "pages/%s", [0, 1, 2], %d)`,
		url, id, version, id, size)
	if err != nil {
		t.Fatal(err)
	}
	if want := []delivered{{0, size, true}, {1, size, true}, {best, size, true}}; !slices.Equal(got, want) {
		t.Errorf("%s got %v, want %v", id, got, want)
	}
	if _, err := call[any](page, "leave()"); err != nil {
		t.Error(err)
	}
}
