package main_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// recorder is a node that takes one packet of each client, answers with a CONNACK of
// 3.1.1 or 5 and keeps the connection.
type recorder struct {
	addr  string
	taken chan []byte // the packets
}

// startRecorder starts a recorder until the test ends.
func startRecorder(t *testing.T, taken chan []byte) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with ln
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go record(c, taken) // ends with the balancer, which the test stops
		}
	}()
	return &recorder{ln.Addr().String(), taken}
}

func record(c net.Conn, taken chan []byte) {
	defer func() { _ = c.Close() }()
	packet := make([]byte, 2, 128)
	if _, err := io.ReadFull(c, packet); err != nil {
		return
	}
	length := int(packet[1] & 0x7F)
	if packet[1] >= 0x80 { // of an overlong Remaining Length
		length++
	}
	packet = packet[:2+length]
	if _, err := io.ReadFull(c, packet[2:]); err != nil {
		return
	}
	taken <- packet
	connack := []byte("\x20\x02\x00\x00")
	if bytes.Contains(packet, []byte("MQTT\x05")) {
		connack = []byte("\x20\x03\x00\x00\x00")
	}
	_, _ = c.Write(connack)
	_, _ = io.Copy(io.Discard, c)
}

// tolerated are CONNECTs that break a rule, with their identifiers and the names of the rules.
var tolerated = []struct{ packet, id, rules string }{
	{"\x10\x11\x00\x04MQTT\x04\x42\x00\x3c\x00\x02c1\x00\x01p", "c1", "password_without_username"},
	{"\x10\x0e\x00\x04MQTT\x04\x22\x00\x3c\x00\x02c2", "c2", "will_retain_without_will"},
	{"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02\xff\xfe", "\xff\xfe", "client_id_not_utf8"},
	{"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02a\x00", "a\x00", "client_id_null"},
	{"\x10\x19\x00\x04MQTT\x05\x02\x00\x3c\x0a\x11\x00\x00\x00\x09\x11\x00\x00\x00\x00\x00\x02c5", "c5", "repeated_property"},
	{"\x1f\x8f\x00\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c6", "c6", "fixed_header_flags overlong_length"},
}

// A tolerant listener forwards what EMQX accepts unchanged, in every mode, and a strict one refuses
// it. The same bytes are the same identifier everywhere.
func TestATolerantListenerForwardsWhatEMQXAccepts(t *testing.T) {
	t.Parallel()
	a, z := startRecorder(t, make(chan []byte, 64)), startRecorder(t, make(chan []byte, 64))
	l := newLab(t)
	dir := socketDir(t)
	r := &reloadee{balancer: &balancer{config: filepath.Join(dir, "mqttlb.yaml"), addrs: map[string]string{}}, dir: dir}
	r.write(t, "127.0.0.1", fmt.Sprintf(`
listeners:
  - {name: strict, address: "${strict}", pool: p}
  - {name: mqtt, address: "${mqtt}", pool: p, validity: tolerant}
  - {name: mqtts, address: "${mqtts}", pool: p, validity: tolerant, tls: %s}
  - {name: ws, address: "${ws}", protocol: ws, pool: p, validity: tolerant}
pools:
  - {name: p, health: {probe: none}, confirm: off, nodes: [{name: a, address: %q}, {name: z, address: %q}]}
admin: {address: "${admin}", socket: %q}
`, l.tls(), a.addr, z.addr, r.socket()))
	r.run(t)
	dials := map[string]func() (net.Conn, error){
		"strict": func() (net.Conn, error) { return dialer("").Dial("tcp", r.addrs["strict"]) },
		"mqtt":   func() (net.Conn, error) { return dialer("").Dial("tcp", r.addrs["mqtt"]) },
		"mqtts": func() (net.Conn, error) {
			return tls.DialWithDialer(dialer(""), "tcp", r.addrs["mqtts"], l.client(t, ""))
		},
		"ws": func() (net.Conn, error) { return tryDialWS(r.addrs["ws"], "") },
	}
	for _, c := range tolerated {
		var first *recorder
		for _, listener := range []string{"strict", "mqtt", "mqtts", "ws"} {
			conn, err := dials[listener]()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := conn.Write([]byte(c.packet)); err != nil {
				t.Fatal(err)
			}
			answer := make([]byte, 4)
			n, err := io.ReadFull(conn, answer)
			if listener == "strict" {
				if n > 3 && answer[3] == 0 || len(a.taken)+len(z.taken) > 0 {
					t.Fatalf("%q: the strict listener let it through: %q, %v", c.packet, answer[:n], err)
				}
				continue
			}
			if err != nil || answer[0] != 0x20 || answer[3] != 0 {
				t.Fatalf("%s, %q: answered %q, %v", listener, c.packet, answer[:n], err)
			}
			var got []byte
			node := a
			select {
			case got = <-a.taken:
			case got = <-z.taken:
				node = z
			}
			if string(got) != c.packet {
				t.Errorf("%s: the node got %q, the client sent %q", listener, got, c.packet)
			}
			if first == nil {
				first = node
			}
			if node != first {
				t.Errorf("%s: %q is on another node than over the other listeners", listener, c.id)
			}
			m := r.metrics(t)
			for rule := range strings.FieldsSeq(c.rules) {
				if n := m.sum(t, "mqttlb_connect_tolerated_total", `listener="`+listener+`"`, `rule="`+rule+`"`); n != 1 {
					t.Errorf("%s: %s is counted %v times", listener, rule, n)
				}
			}
		}
	}
	if n := r.metrics(t).sum(t, "mqttlb_connect_tolerated_total"); n != float64(3*(len(tolerated)+1)) { // the last one breaks two
		t.Errorf("%v are counted", n)
	}
	if out := r.must(t, "status", "--json"); !strings.Contains(strings.Join(strings.Fields(out), ""), `"tolerated":[{"rule":"fixed_header_flags","clients":1}`) {
		t.Errorf("the status does not say what is tolerated: %s", out)
	}
	if out := r.must(t, "sessions"); !strings.Contains(out, `"a\x00"`) || !utf8.ValidString(out) || strings.Contains(out, "\x00") {
		t.Errorf("ctl prints identifiers as they are, or not at all: %q", out)
	}
	r.waitFor(t, `"msg":"a CONNECT breaks a rule`, `"listener":"mqtt"`, `"rule":"repeated_property","fault":"a property comes twice"`, `"client_id":"c5"`)
	kickByID(t, r)
	for _, part := range []string{`"tolerated":"client_id_null"`, `"tolerated":"client_id_not_utf8"`} {
		if line := r.waitForN(t, 3, `"msg":"session"`, part)[0]; !utf8.ValidString(line) || strings.Contains(line, "\x00") {
			t.Errorf("the log has the bytes of an identifier: %q", line)
		}
	}
}

// kickByID kicks the sessions whose identifier no filter can name, each by its serial number.
func kickByID(t *testing.T, r *reloadee) {
	t.Helper()
	kicked := 0
	for _, s := range r.list(t).Sessions {
		if len(s.Tolerated) != 1 || !strings.HasPrefix(s.Tolerated[0], "client_id_") {
			continue
		}
		if out := r.must(t, "kick", "--id", s.ID, "--yes"); !strings.Contains(out, "1 session") {
			t.Errorf("kick of %q: %s", s.ClientID, out)
		}
		kicked++
	}
	if kicked != 6 {
		t.Errorf("%d sessions have an identifier that no filter can name", kicked)
	}
}

// Mosquitto takes a Remaining Length that is longer than it needs to be.
func TestMosquittoGetsWhatItToleratesToo(t *testing.T) {
	t.Parallel()
	r := serve(t, "\nlisteners: [{name: mqtt, address: \"${mqtt}\", pool: p, validity: tolerant}]\npools:\n  - name: p\n    nodes:\n"+nodes(startMosquittos(t, 1)...))
	w := dialWire(t, r.addrs["mqtt"], "")
	w.version = 5
	if _, err := w.Write([]byte("\x10\x8f\x00\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02c1")); err != nil {
		t.Fatal(err)
	}
	if code, err := w.connack(); err != nil || code != 0 {
		t.Errorf("CONNACK %d, %v", code, err)
	}
}
