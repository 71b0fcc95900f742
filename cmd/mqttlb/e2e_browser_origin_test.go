package main_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// MQTT.js in pages without an address of their own: one in a sandbox, and one in a file. Their origin is
// null; some WebViews send file:// for the second. MQTT.js speaks MQTT 3.1, too, and then offers mqttv3.1 alone.
func TestMQTTjsInChromiumFromPagesWithoutAnAddress(t *testing.T) {
	t.Parallel()
	browser := startChromium(t)
	rabbit := startWebRabbit(t)
	files := http.FileServer(http.Dir("testdata/mqttjs"))
	sandbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "sandbox allow-scripts")
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(sandbox.Close)
	b := serve(t, `
listeners:
  - {name: all, address: "${all}", protocol: ws, pool: rabbit, allowed_origins: [null, "file://"]}
  - {name: others, address: "${others}", protocol: ws, pool: rabbit, allowed_origins: ["https://app.example.com"]}
pools:
  - name: rabbit
    protocol: ws
    path: /ws
    proxy_protocol: v2
    health: {probe: none}
    nodes: [{name: rabbit, address: "`+rabbit.mqtt+`"}]
`)
	path, err := filepath.Abs("testdata/mqttjs/page.html")
	if err != nil {
		t.Fatal(err)
	}
	for name, url := range map[string]string{"sandbox": sandbox.URL + "/page.html", "file": "file://" + path} {
		t.Run(name, func(t *testing.T) {
			page, closeTab := chromedp.NewContext(browser)
			t.Cleanup(closeTab)
			if _, err := chromedp.Run(page, chromedp.Navigate(url)); err != nil {
				t.Fatal(err)
			}
			talk(page, t, "ws://"+b.addrs["all"]+"/mqtt", 4, "from-"+name, 1000, 1)
			if _, err := call[bool](page, `open("ws://%s/mqtt", {clientId: "old-%s", protocolId: "MQIsdp", protocolVersion: 3})`, b.addrs["all"], name); err != nil {
				t.Errorf("MQTT 3.1: %v", err)
			}
			if _, err := call[bool](page, `open("ws://%s/mqtt", {clientId: "foreign"})`, b.addrs["others"]); err == nil {
				t.Error("it was let in where its origin is not allowed")
			}
		})
	}
	b.sessionsEnded(t, 2, `"listener":"others"`, `"bad_upgrade"`, "403", `origin \"null\"`)
}
