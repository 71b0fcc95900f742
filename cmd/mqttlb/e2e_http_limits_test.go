package main_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// held are requests of one packet. Each must give its place in the limits back.
var held = map[string]struct {
	request string
	outcome string
	why     string
}{
	"OPTIONS *":          {"OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "request_timeout", "request body: 0 of 1 bytes within timeouts.request_body 1s"},
	"OPTIONS *, chunked": {"OPTIONS * HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "request_timeout", "request body: 0 bytes within timeouts.request_body 1s"},
	"405":                {"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\nContent-Length: 1\r\n\r\n", "request_timeout", "timeouts.request_body 1s"},
	"400":                {"GET * HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "request_timeout", "timeouts.request_body 1s"},
	"502":                {"POST /dead/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "request_timeout", "timeouts.request_body 1s"},
	"a forwarded body":   {"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", "request_timeout", "timeouts.request_body 1s"},
	"a tunnel":           {"GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", "request_timeout", "tunnel: no byte either way within timeouts.tunnel 1s"},
	"a whole request":    {"GET /api HTTP/1.1\r\nHost: x\r\n\r\n", "http_served", ""},
	"half a header":      {"GET /api HTTP/1.1\r\nHo", "connect_timeout", "request header: not whole within timeouts.connect_packet 5s"},
}

// Requests that stop after one packet take every place of the process, and give it back.
func TestRequestsThatStopGiveTheirPlacesBack(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	l := newLab(t)
	const places = 50
	b := serve(t, `
listeners:
  - {name: mqtt, address: "${mqtt}", pool: brokers}
  - {name: web, address: "${web}", protocol: http, pool: dashboard, routes: [{path: /dead/, pool: dead}]}
  - {name: secure, address: "${secure}", protocol: http, pool: dashboard, routes: [{path: /dead/, pool: dead}], tls: `+l.tls()+`}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`+nodes(broker)+`
  - name: dashboard
    protocol: http
    health: {probe: none}
    nodes:
`+httpNodes(startDashboards(t, "a")...)+`
  - name: dead
    protocol: http
    health: {probe: none}
    nodes: [{name: dead, address: "127.0.0.1:1"}]
limits: {max_connections: 100, min_body_rate: 0}
timeouts: {connect_packet: 5s, request_body: 1s, keep_alive: 1s, tunnel: 1s}
`)
	join(t, b.addrs["mqtt"], "", 4, "before").disconnect(t)
	before := b.descriptors(t)
	b.sessionsEnded(t, 1)
	ended := 1
	// fill takes every place that requests may have, half of all, with those of these kinds, whose clients neither read nor
	// close. Then it waits until an MQTT client gets a place.
	fill := func(t *testing.T, kinds []string, connect func() (net.Conn, error)) {
		conns := make([]net.Conn, places)
		kindOf := make([]string, places)
		var all sync.WaitGroup
		for i := range conns {
			kindOf[i] = kinds[i%len(kinds)]
			all.Go(func() {
				var err error
				if conns[i], err = connect(); err == nil {
					_, err = io.WriteString(conns[i], held[kindOf[i]].request)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			return
		}
		ended += places
		lines := b.sessionsEnded(t, ended)[ended-places:]
		for i, conn := range conns {
			defer conn.Close()
			at := slices.IndexFunc(lines, func(s sessionLine) bool { return s.Client == conn.LocalAddr().String() })
			if want := held[kindOf[i]]; at < 0 || lines[at].Outcome != want.outcome || !strings.Contains(lines[at].Error, want.why) {
				t.Errorf("%s ended as %d of %+v, want %s with %q", kindOf[i], at, lines, want.outcome, want.why)
				return
			}
		}
		join(t, b.addrs["mqtt"], "", 4, "after").disconnect(t)
		ended++
		b.sessionsEnded(t, ended)
	}
	var kinds []string
	for kind := range held {
		kinds = append(kinds, kind)
		t.Run(kind, func(t *testing.T) {
			fill(t, []string{kind}, func() (net.Conn, error) { return dialer("").Dial("tcp", b.addrs["web"]) })
		})
	}
	t.Run("over TLS", func(t *testing.T) {
		config := l.client(t, "")
		config.ServerName = "127.0.0.1"
		fill(t, kinds, func() (net.Conn, error) { return tls.DialWithDialer(dialer(""), "tcp", b.addrs["secure"], config) })
	})
	m := b.metrics(t)
	if n := m.sum(t, "mqttlb_outcomes_total"); n != float64(ended) {
		t.Errorf("the outcomes add up to %v, want %d", n, ended)
	}
	if n := m.sum(t, "mqttlb_http_answers_total", `status="408"`); n < 5*places {
		t.Errorf("%v answers of 408, want at least %d", n, 5*places)
	}
	if n := m.sum(t, "mqttlb_connections_open"); n != 0 {
		t.Errorf("%v connections are open", n)
	}
	eventually(t, "the descriptors are those of before", func() bool { return b.descriptors(t) <= before })
}

// descriptors returns how many descriptors the process has open.
func (p *process) descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("needs /proc to count the descriptors of a process")
	}
	return len(entries)
}
