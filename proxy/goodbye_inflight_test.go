package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"testing"

	"mqttlb/balancer"
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// An inFlight is a way in which a session ends while its client sends more than one read takes. The client
// must hear what is said to it and then FIN. Closing with unread bytes would send RST, which destroys both.
type inFlight struct {
	step  string
	modes []mode

	// end brings a session of the mode to its step and has it end. It returns the client, which then sends the
	// bytes and many more.
	end  func(r *leaving) (client *peer, sent []byte)
	want func(m mode) []string
}

// unframed are modes in which a client's frames end at the proxy.
var (
	unframed  = []mode{wsToMQTT, wssToMQTT}
	encrypted = []mode{mqttsToMQTT, wssToMQTT, wssToWS}
	upgrading = []mode{wsToWS, wssToWS, httpToWS}
)

// brokenRecord is a record of TLS that nobody has encrypted.
var brokenRecord = append([]byte("\x17\x03\x03\x00\x20"), make([]byte, 32)...)

const badRecord = "remote error: tls: bad record MAC"

// below returns the client without TLS, for bytes that are no TLS.
func (p *peer) below() *peer {
	raw := *p
	raw.Conn = p.socket
	return &raw
}

var inFlights = []inFlight{
	{"open, a frame without mask", append(unframed, wsToWS), func(r *leaving) (*peer, []byte) {
		return r.clientPeer(r.mode), []byte("\x82\x02\xc0\x00")
	}, func(m mode) []string { return m.toClient("", 1002) }},
	{"open, a broken record", encrypted, func(r *leaving) (*peer, []byte) {
		return r.clientPeer(r.mode), brokenRecord
	}, func(mode) []string { return []string{badRecord, "FIN"} }},
	{"open, a malformed CONNECT", allModes, func(r *leaving) (*peer, []byte) {
		return r.clientPeer(r.mode), r.packet("\x10\x0f\x00\x04MQTT\x05\x1e\x00\x3c\x00\x00\x02c1")
	}, func(m mode) []string { return m.toClient("20 03 00 81 00", 1002) }},
	{"dial, no node", allModes, func(r *leaving) (*peer, []byte) {
		r.node(0).SetOperator(balancer.Down)
		return r.clientPeer(r.mode), r.packet(string(connect5))
	}, func(m mode) []string { return m.toClient("20 03 00 88 00", 1013) }},
	{"confirm, the node closes", allModes, func(r *leaving) (*peer, []byte) {
		client, node := r.connect(mqttparse.V5)
		node.say([]byte("\x20\x03\x00\x87\x00"))
		_ = node.Close()
		return client, nil
	}, func(m mode) []string { return m.toClient("20 03 00 87 00", pick(m.nodeWS, 0, 1000)) }},
	{"confirm, a frame without mask", unframed, func(r *leaving) (*peer, []byte) {
		client, node := r.connect(mqttparse.V5)
		go closeAtEnd(node) // ends with the session
		return client, []byte("\x82\x02\xc0\x00")
	}, func(m mode) []string { return m.toClient("", 1002) }},
	{"confirm, a broken record", encrypted, func(r *leaving) (*peer, []byte) {
		client, _ := r.connect(mqttparse.V5)
		return client, brokenRecord
	}, func(mode) []string { return []string{badRecord, "FIN"} }},
	{"relay, a frame without mask", unframed, endInRelay("\x82\x02\xc0\x00"), func(m mode) []string { return m.toClient("", 1002) }},
	{"relay, reserved bits", unframed, endInRelay(string(clientFrame(finBinary|0x40, []byte("x")))), func(m mode) []string { return m.toClient("", 1002) }},
	{"relay, text", unframed, endInRelay(string(clientFrame(finText, []byte("x")))), func(m mode) []string { return m.toClient("", 1003) }},
	{"relay, a ping of 126 bytes", unframed, endInRelay(string(clientFrame(finPing, make([]byte, 126)))), func(m mode) []string { return m.toClient("", 1002) }},
	{"relay, a reserved opcode", unframed, endInRelay(string(clientFrame(0x83, nil))), func(m mode) []string { return m.toClient("", 1002) }},
	{"relay, a continuation of nothing", unframed, endInRelay(string(clientFrame(last, nil))), func(m mode) []string { return m.toClient("", 1002) }},
	{"relay, a reason that is not UTF-8", unframed, endInRelay(string(clientFrame(finClose, closeWith(1000, "\xff")))), func(m mode) []string { return m.toClient("", 1007) }},
	{"relay, more behind a close frame", unframed, endInRelay(string(clientFrame(finClose, closeWith(1000, "")))), func(m mode) []string { return m.toClient("", 1000) }},
	{"relay, a broken record", encrypted, endInRelay(string(brokenRecord)), func(mode) []string { return []string{badRecord, "FIN"} }},
	{"relay, the node disconnects", allModes, func(r *leaving) (*peer, []byte) {
		client, node := r.open(mqttparse.V5)
		node.say([]byte("\xe0\x02\x8b\x00"))
		_ = node.Close()
		return client, nil
	}, func(m mode) []string { return m.toClient("e0 02 8b 00", pick(m.nodeWS, 0, 1000)) }},
	{"leave", allModes, func(r *leaving) (*peer, []byte) {
		client, node := r.open(mqttparse.V5)
		go closeAtEnd(node) // ends with the session
		r.leave(outcome.Kicked)
		return client, nil
	}, func(m mode) []string { return m.toClient("e0 02 98 00", 1008) }},
}

// endInRelay ends a session by what its client sends.
func endInRelay(sent string) func(r *leaving) (*peer, []byte) {
	return func(r *leaving) (*peer, []byte) {
		client, node := r.open(mqttparse.V5)
		go closeAtEnd(node) // ends with the session
		return client, []byte(sent)
	}
}

// closeAtEnd closes a node's end after that of its client.
func closeAtEnd(node *peer) {
	_, _ = io.Copy(io.Discard, node.Conn)
	_ = node.Close()
}

// packet returns a packet as clients of the mode send it.
func (r *leaving) packet(b string) []byte {
	if r.mode.clientWS() {
		return clientFrame(finBinary, []byte(b))
	}
	return []byte(b)
}

func TestAGoodbyeReachesAClientThatSendsMore(t *testing.T) {
	for _, row := range inFlights {
		for _, m := range row.modes {
			t.Run(row.step+", "+m.name, func(t *testing.T) {
				r := prepareLeaving(t, m)
				r.srv.waits.linger = patience
				r.run()
				client, sent := row.end(r)
				out := client
				if bytes.Equal(sent, brokenRecord) {
					out = client.below()
				}
				r.hears(client, out, append(bytes.Clone(sent), r.flood()...), row.want(m))
			})
		}
	}
}

// hears checks what a client hears that sends b meanwhile, and that the session takes it: a reset behind FIN
// would not show.
func (r *leaving) hears(client, out *peer, b []byte, want []string) {
	r.t.Helper()
	sent := make(chan error, 1)
	go func() { // ends with the connection
		_, err := out.Write(b)
		sent <- err
	}()
	if got := client.hearToFIN(); !slices.Equal(got, want) {
		r.t.Errorf("the client heard %q, want %q", got, want)
	}
	if err := <-sent; err != nil {
		r.t.Errorf("what the client sent meanwhile: %v", err)
	}
	if r.inLoops(func(*loop, *session) {}); r.srv.open() != 1 { // FIN and the end would be in one turn
		r.t.Error("the session has ended while its client may still send")
	}
	_ = tcp(client.socket.Conn).Close()
	eventually(r.t, "the end of the session", func() bool { return r.srv.open() == 0 })
}

// flood returns 400 KiB of PUBLISHes, as clients of the mode send them.
func (r *leaving) flood() []byte {
	packet := append([]byte("\x30\xff\x07\x00\x01a"), make([]byte, 1020)...)
	return bytes.Repeat(r.packet(string(packet)), 400)
}

// hearToFIN is hear, and goes on behind an alert of TLS.
func (p *peer) hearToFIN() []string {
	p.t.Helper()
	heard := p.hear()
	if end := heard[len(heard)-1]; end == "FIN" || end == "RST" {
		return heard
	}
	heard = slices.DeleteFunc(heard, func(s string) bool { return s == "close_notify" }) // for which hear takes the alert
	switch _, err := io.Copy(io.Discard, p.socket); {
	case err == nil:
		return append(heard, "FIN")
	case errors.Is(err, syscall.ECONNRESET):
		return append(heard, "RST")
	default:
		return append(heard, fmt.Sprint(err))
	}
}

// A node that refuses the upgrade, and one that cannot be reached.
func TestARefusalReachesAClientThatSendsMore(t *testing.T) {
	refuses := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64<<10))
		_, _ = io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
	}
	for _, row := range []struct {
		step  string
		modes []mode
		node  func(net.Conn)
	}{
		{"switch", upgrading, refuses},
		{"secure", []mode{mqttToMQTTS, wssToWSS}, func(net.Conn) {}},
	} {
		for _, m := range row.modes {
			t.Run(row.step+", "+m.name, func(t *testing.T) {
				r := &leaving{rig: prepare(t, []string{startNode(t, row.node).address()}, m.set), mode: m}
				r.srv.waits.linger = patience
				r.run()
				client := r.clientPeer(m)
				r.hears(client, client, append(r.packet(string(connect5)), r.flood()...), m.toClient("20 03 00 88 00", 1013))
			})
		}
	}
}
