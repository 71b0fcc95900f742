package main_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// newSecureBrowser is newBrowser over TLS. Like real browsers it offers HTTP/2 first.
func newSecureBrowser(t *testing.T, l lab) *http.Client {
	t.Helper()
	browser := newBrowser(t, "")
	transport := browser.Transport.(*http.Transport)
	transport.TLSClientConfig, transport.ForceAttemptHTTP2 = l.client(t, ""), true
	return browser
}

// One TLS port serves a dashboard, with a node for each browser, and MQTT over WebSocket.
func TestADashboardAndMQTTOverTLSOnOnePort(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	dashboards := startDashboards(t, "a", "b", "c")
	tcp, ws := startWSMosquittos(t, 1)
	b := serve(t, `
listeners:
  - name: web
    address: "${web}"
    protocol: http
    pool: dashboard
    tls: `+l.tls()+`
    routes:
      - {path: /mqtt, protocol: ws, pool: brokers-ws}
      - {path: /translated, protocol: ws, pool: brokers}
pools:
  - name: dashboard
    protocol: http
    hash_key: cookie
    nodes:
`+httpNodes(dashboards...)+`
  - name: brokers-ws
    protocol: ws
    nodes:
`+nodes(ws...)+`
  - name: brokers
    nodes:
`+nodes(tcp...))
	addr := b.addrs["web"]

	t.Run("browsers stay where they are", func(t *testing.T) {
		guests := map[string]int{}
		for range 30 {
			browser := newSecureBrowser(t, l)
			resp, err := browser.Get("https://" + addr + "/status")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.ProtoMajor != 1 || resp.TLS.NegotiatedProtocol != "http/1.1" {
				t.Errorf("%s, agreed on as %q", resp.Proto, resp.TLS.NegotiatedProtocol)
			}
			if cookies := resp.Cookies(); len(cookies) != 1 || !cookies[0].Secure || !cookies[0].HttpOnly {
				t.Errorf("the cookies are %v", cookies)
			}
			home := resp.Header.Get("X-Node")
			guests[home]++
			for range 2 { // each time over a new connection
				browser.CloseIdleConnections()
				status, node, body := get(t, browser, "https://"+addr+"/page", "")
				want := fmt.Sprintf("%s /page cookies=\"\" for=127.0.0.1 host=%s proto=https", home, addr)
				if status != http.StatusOK || node != home || body != want {
					t.Errorf("status %d of %s, %q, want %q", status, node, body, want)
				}
			}
			browser.CloseIdleConnections()
		}
		if len(guests) != len(dashboards) {
			t.Errorf("30 browsers are on %v", guests)
		}
		for _, s := range b.sessionsEnded(t, 90, `"listener":"web"`) {
			if s.Outcome != "http_served" {
				t.Errorf("a connection's line is %+v", s)
			}
		}
	})

	for _, path := range []string{"/mqtt", "/translated"} {
		t.Run("MQTT at "+path, func(t *testing.T) {
			id := "wss-" + path[1:]
			c := pahoClientV5(t, "wss://"+addr+path, id, l.client(t, ""))
			c.subscribe(t, id)
			want := strings.Repeat("x", 20_000) // Mosquitto 2.0 reads 50 KB a second from a WebSocket
			c.publish(t, id, []byte(want))
			if got := receive(t, c); string(got.payload) != want {
				t.Errorf("%d bytes, want %d", len(got.payload), len(want))
			}
			c.disconnect(t)
			if s := b.sessionsEnded(t, 1, `"`+id+`"`)[0]; s.Listener != "web" || s.Node != "a" || s.Outcome != "client_disconnected" {
				t.Errorf("the session's line is %+v", s)
			}
		})
	}

	t.Run("HTTP/2 is not agreed on", func(t *testing.T) {
		config := l.client(t, "")
		config.NextProtos = []string{"h2"}
		if conn, err := tls.Dial("tcp", addr, config); err == nil || !strings.Contains(err.Error(), "no application protocol") {
			t.Errorf("%v, %v", conn, err)
		}
		b.waitFor(t, `"outcome":"handshake_failed"`, "TLS handshake: no_shared_protocol:")
	})

	t.Run("HTTP without TLS", func(t *testing.T) {
		w := dialWire(t, addr, "")
		fmt.Fprintf(w, "GET / HTTP/1.1\r\nHost: %s\r\nX-Long: %s\r\n\r\n", addr, strings.Repeat("x", 4000))
		resp, err := http.ReadResponse(bufio.NewReader(w), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(said), "HTTPS") {
			t.Errorf("%s, %q, %v", resp.Status, said, err)
		}
		w.Close()
		b.waitFor(t, `"outcome":"wrong_protocol"`, "an HTTP request in place of TLS: a listener of protocol: ws or http without tls accepts it")
	})
}
