package main_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"mqttlb/proxy"
)

// Idle connections, requests that never end and answers that nobody reads, from several addresses, keep
// neither a scraper nor an MQTT client out, and take a fixed number of descriptors.
func TestAFloodAtTheAdminAddressConcernsNoClient(t *testing.T) {
	t.Parallel()
	const connections, addresses = 2000, 8
	broker := startMosquitto(t, "a")
	r := serveReloadable(t, nodes(broker))
	early := join(t, r.addrs["mqtt"], "", 4, "early")
	before := r.descriptors(t)

	requests := []string{
		"",
		"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
		"POST /api/v1/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
		strings.Repeat("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 20),
		"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"\x16\x03\x01",
	}
	conns := make([]net.Conn, connections)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	var dialing sync.WaitGroup
	for w := range 8 {
		dialing.Go(func() { // ends when its share is dialled
			for i := w; i < connections; i += 8 {
				d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(1+i%addresses))}}
				c, err := d.Dial("tcp", r.addrs["admin"])
				if err != nil {
					t.Error(err)
					return
				}
				conns[i] = c
				fmt.Fprint(c, requests[i/addresses%len(requests)])
			}
		})
	}
	// MQTT clients come while the flood does.
	for _, id := range ids("during", 50) {
		join(t, r.addrs["mqtt"], "", 5, id).disconnect(t)
	}
	dialing.Wait()
	for range 5 {
		http.DefaultClient.CloseIdleConnections()
		if n := r.metrics(t).sum(t, "mqttlb_sessions_open"); n < 1 {
			t.Errorf("%g sessions are open", n)
		}
		join(t, r.addrs["mqtt"], "", 4, "after").disconnect(t)
	}
	r.mustReload(t) // over the socket
	if err := early.ping(); err != nil {
		t.Error(err)
	}
	// The sessions of the test and a handful of idle connections come on top.
	if now := r.descriptors(t); now > before+proxy.AdminDescriptors+20 {
		t.Errorf("%d descriptors are open, there were %d before the flood", now, before)
	}
	if code, text := askAPI(t, http.DefaultClient, "GET", r.url("/api/v1/status"), ""); code != http.StatusOK {
		t.Errorf("%d %s", code, text)
	}
}
