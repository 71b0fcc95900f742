package main_test

import (
	"fmt"
	"net"
	"testing"
)

// Every connection ends in one outcome, one line and one count, and the gauges of open
// connections return to zero.
func TestEveryConnectionIsOneLineAndOneCount(t *testing.T) {
	t.Parallel()
	brokers := startMosquittos(t, 2)
	b := serve(t, threeBrokers+nodes(brokers...))

	var sessions []*wire
	for _, id := range ids("meter", 10) {
		sessions = append(sessions, join(t, b.addrs["mqtt"], "", 5, id))
	}
	m := b.metrics(t)
	if n := m.sum(t, "mqttlb_sessions_open", `listener="mqtt"`); n != 10 {
		t.Errorf("mqttlb_sessions_open is %v, want 10", n)
	}
	for _, s := range sessions[:5] {
		s.disconnect(t)
	}
	for _, s := range sessions[5:] {
		s.Conn.(*net.TCPConn).SetLinger(0) // so that Close sends a RST
		s.Close()
	}
	for _, hostile := range [][]byte{
		[]byte("GET / HTTP/1.1\r\nHost: mqtt\r\n\r\n"),
		{0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3},
		append([]byte{0x10, 13, 0, 4}, "MQTT\x09\x02\x00\x3c\x00\x01a"...),
	} {
		w := dialWire(t, b.addrs["mqtt"], "")
		w.Write(hostile)
		w.waitClosed(t)
	}
	const accepted = 10 + 3

	lines := b.sessionsEnded(t, accepted)
	outcomes := map[string]int{}
	for _, s := range lines {
		outcomes[s.Outcome]++
		if s.Listener != "mqtt" || s.Client == "" || s.Outcome == "" {
			t.Errorf("a line lacks what every line has: %+v", s)
		}
		if s.ClientID != "" && (s.Version != "5" || s.Node == "" || s.Received == 0 || s.Sent == 0 || s.Duration == "") {
			t.Errorf("the line of a session lacks what it has: %+v", s)
		}
	}
	m = b.metrics(t)
	if n := m.sum(t, "mqttlb_connections_accepted_total"); n != accepted {
		t.Errorf("mqttlb_connections_accepted_total is %v, want %d", n, accepted)
	}
	if n := m.sum(t, "mqttlb_outcomes_total"); n != accepted {
		t.Errorf("the outcomes add up to %v, want %d", n, accepted)
	}
	for outcome, n := range outcomes {
		if counted := m.sum(t, "mqttlb_outcomes_total", fmt.Sprintf("outcome=%q", outcome)); counted != float64(n) {
			t.Errorf("outcome %s: %d lines, counted %v", outcome, n, counted)
		}
	}
	for outcome, want := range map[string]int{"wrong_protocol": 2, "unsupported_version": 1, "client_reset": 5} {
		if outcomes[outcome] != want {
			t.Errorf("%d sessions ended as %s, want %d: %v", outcomes[outcome], outcome, want, outcomes)
		}
	}
	if n := m.sum(t, "mqttlb_sessions_total"); n != 10 {
		t.Errorf("mqttlb_sessions_total is %v, want 10", n)
	}
	for _, gauge := range []string{"mqttlb_sessions_open", "mqttlb_connections_open", "mqttlb_node_connections"} {
		if n := m.sum(t, gauge); n != 0 {
			t.Errorf("%s is %v at the end, want 0", gauge, n)
		}
	}
	var received, sent int64
	for _, s := range lines {
		if s.Node != "" {
			received += s.Received
			sent += s.Sent
		}
	}
	for direction, want := range map[string]int64{"received": received, "sent": sent} {
		if n := m.sum(t, "mqttlb_bytes_total", fmt.Sprintf("direction=%q", direction)); n != float64(want) {
			t.Errorf("mqttlb_bytes_total %s is %v, the lines say %d", direction, n, want)
		}
	}
}
