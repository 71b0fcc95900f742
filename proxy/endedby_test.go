//go:build linux

package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// ending is a way in which a setting ends a connection.
type ending struct {
	setting string // that the line names
	mode    mode
	nodes   []func(net.Conn) // nil: an ordinary node
	full    bool             // after them comes a node that no connection can be made to
	set     setting
	play    func(*rig)
	line    string // what begins the line: outcome=NAME, or status=CODE of a request
}

// silentNode reads a CONNECT and never answers.
func silentNode(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// answering returns a node that answers the client's first bytes and then reads to the end of its stream.
func answering(answer string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, answer)
		_, _ = io.Copy(io.Discard, c)
	}
}

// endless is a node that accepts a client and then sends without end.
func endless(c net.Conn) {
	_, _ = c.Read(make([]byte, 4096))
	_, _ = c.Write(connack311)
	for packet := append([]byte("\x30\x80\x80\x04"), make([]byte, 64<<10)...); ; {
		if _, err := c.Write(packet); err != nil {
			return
		}
	}
}

// sends sends the client's bytes and reads what it gets, until the end.
func sends(b []byte) func(*rig) {
	return func(r *rig) {
		c := r.dialBare(r.srv.Addr("mqtt"))
		c.send(b)
		c.rest()
		_ = c.Close()
	}
}

// second opens a session and sends the CONNECT of another one.
func second(r *rig) {
	r.open("one")
	c := r.dialBare(r.srv.Addr("mqtt"))
	_, _ = c.Write(connectAs("two"))
	c.rest()
	_ = c.Close()
}

var toWeb = mode{name: "http", protocol: snapshot.HTTP}

// dashboardOn makes the listener pass requests to its pool.
func dashboardOn(change func(*snapshot.Snapshot)) setting {
	return func(s *snapshot.Snapshot) {
		s.Listeners[0].Routes = []snapshot.Route{{Path: "/", Pool: s.Listeners[0].Pool}}
		change(s)
	}
}

func timeouts(change func(*snapshot.Timeouts)) setting {
	return func(s *snapshot.Snapshot) { change(&s.Timeouts) }
}

func endings(t *testing.T) []ending {
	const short = 300 * time.Millisecond
	keepAlive := bytes.Clone(connect311)
	keepAlive[11] = 1
	get, post := []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
	page := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	read := make(chan struct{})
	large := append([]byte("\x10\xff\x7f\x00\x04MQTT\x04\x02\x00\x3c\x7f\xf3"), make([]byte, 16381)...)
	return []ending{
		{"timeouts.connect_packet 300ms", mqttToMQTT, nil, false, timeouts(func(s *snapshot.Timeouts) { s.ConnectPacket = short }), sends([]byte("\x10")), "outcome=connect_timeout"},
		{"tls.handshake_timeout 300ms", mqttsToMQTT, nil, false, func(s *snapshot.Snapshot) { s.Listeners[0].TLS.Timeout = short }, sends(hello(t)), "outcome=connect_timeout"},
		{"tls.handshake_timeout 300ms; tls.max_handshakes", mqttsToMQTT, nil, false, func(s *snapshot.Snapshot) {
			s.Listeners[0].TLS.Timeout, s.Listeners[0].TLS.Gate = short, tlsterm.NewGate(1, 0, 10)
			_ = s.Listeners[0].TLS.Gate.Enter(t.Context()) // the only turn
		}, sends(hello(t)), "outcome=connect_timeout"},
		{"tls.max_handshake_queue", mqttsToMQTT, nil, false, func(s *snapshot.Snapshot) {
			s.Listeners[0].TLS.Gate = tlsterm.NewGate(1, 0, 0)
			_ = s.Listeners[0].TLS.Gate.Enter(t.Context())
		}, sends(hello(t)), "outcome=handshake_limit"},
		{"timeouts.dial", mqttToMQTT, []func(net.Conn){}, true, timeouts(func(s *snapshot.Timeouts) { s.Dial = short }), sends(connect311), "outcome=dial_failed"},
		{"timeouts.dial", mode{name: "to mqtts", protocol: snapshot.MQTT, nodeTLS: true}, []func(net.Conn){silentNode}, false, timeouts(func(s *snapshot.Timeouts) { s.Dial = short }), sends(connect311), "outcome=dial_failed"},
		{"timeouts.connect_node", mqttToMQTT, []func(net.Conn){}, true, timeouts(func(s *snapshot.Timeouts) { s.Dial, s.ConnectNode = short, 2*short }), sends(connect311), "outcome=dial_failed"},
		{"confirm.time", mqttToMQTT, []func(net.Conn){func(c net.Conn) { _, _ = c.Read(make([]byte, 100)) }}, true, func(s *snapshot.Snapshot) {
			s.Listeners[0].Pool.Confirm = snapshot.Confirm{Attempts: 5, Time: 2 * short}
			s.Timeouts.Dial = time.Hour
		}, func(r *rig) { sends(connectAs(r.idOf(0)))(r) }, "outcome=dial_failed"},
		{"timeouts.connack 300ms", mqttToMQTT, []func(net.Conn){silentNode}, false, timeouts(func(s *snapshot.Timeouts) { s.Connack = short }), sends(connect311), "outcome=connack_timeout"},
		{"timeouts.idle 300ms", mqttToMQTT, nil, false, timeouts(func(s *snapshot.Timeouts) { s.Idle = short }), sends(connect311), "outcome=idle_timeout"},
		{"for 6.5s, which is 1.5 times its keep alive and 5s; timeouts.idle", mqttToMQTT, nil, false, nil, sends(keepAlive), "outcome=idle_timeout"},
		{"timeouts.half_closed 300ms", mqttToMQTT, []func(net.Conn){func(c net.Conn) { answering(string(connack311))(c); <-read }}, false, timeouts(func(s *snapshot.Timeouts) { s.HalfClosed = short }), func(r *rig) {
			c := r.open("half")
			c.halfClose()
			c.rest()
			close(read) // the node has kept its side open until now
		}, "outcome=half_closed_timeout"},
		{"timeouts.write", mqttToMQTT, []func(net.Conn){endless}, false, timeouts(func(s *snapshot.Timeouts) { s.Write = time.Second }), func(r *rig) {
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.send(connect311)
			r.waitOutcome(outcome.WriteTimeout, 1)
		}, "outcome=write_timeout"},
		{"timeouts.shutdown 0s", mqttToMQTT, nil, false, timeouts(func(s *snapshot.Timeouts) { s.Shutdown = 0 }), func(r *rig) { r.open("one"); r.stop() }, "outcome=shutdown"},
		{"timeouts.response is 300ms", toWeb, []func(net.Conn){silentNode}, false, dashboardOn(func(s *snapshot.Snapshot) { s.Timeouts.Response, s.Timeouts.KeepAlive = short, short }), sends(get), "status=504"},
		{"timeouts.keep_alive 300ms", toWeb, []func(net.Conn){answering(page)}, false, dashboardOn(func(s *snapshot.Snapshot) { s.Timeouts.KeepAlive = short }), sends(get), "outcome=http_served"},
		{"timeouts.request_body 300ms", toWeb, []func(net.Conn){silentNode}, false, dashboardOn(func(s *snapshot.Snapshot) { s.Timeouts.RequestBody = short }), sends(post), "outcome=request_timeout"},
		{"timeouts.tunnel 300ms", toWeb, []func(net.Conn){answering(page[:len(page)-1])}, false, dashboardOn(func(s *snapshot.Snapshot) { s.Timeouts.Tunnel = short }), sends(get), "outcome=request_timeout"},
		{"timeouts.dial is 300ms", toWeb, []func(net.Conn){}, true, dashboardOn(func(s *snapshot.Snapshot) { s.Timeouts.Dial, s.Timeouts.KeepAlive = short, short }), sends(get), "status=502"},
		{"limits.max_request_size", toWeb, nil, false, dashboardOn(func(s *snapshot.Snapshot) { s.MaxRequestSize = 5 }), sends(post), "status=413"},
		{"limits.max_header_size", wsToMQTT, nil, false, func(s *snapshot.Snapshot) { s.MaxHeaderSize = 1024 }, sends([]byte("GET /mqtt HTTP/1.1\r\nX: " + strings.Repeat("x", 9000) + "\r\n\r\n")), "outcome=bad_upgrade"},
		{"limits.max_connections is 1", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.MaxConnections = 1 }, second, "outcome=max_connections"},
		{"listeners[].max_connections is 1", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.Listeners[0].MaxConnections = 1 }, second, "outcome=max_connections"},
		{"limits.max_connections_per_address is 1", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.MaxConnectionsPerAddress = 1 }, second, "outcome=address_connections"},
		{"limits.connect_rate_per_address is 1", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.ConnectRatePerAddress = 1 }, second, "outcome=address_rate"},
		{"limits.connect_rate is 1", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.ConnectRate = 1 }, second, "outcome=connect_rate"},
		{"limits.max_connect_size is 1024", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.MaxConnectSize = 1024 }, sends(large[:20]), "outcome=connect_too_large"},
		{"limits.opening_memory", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) { s.OpeningMemory = 1 }, sends(connect311[:5]), "outcome=opening_memory"},
		{"pools[].nodes[].max_connections", mqttToMQTT, nil, false, func(s *snapshot.Snapshot) {
			p := s.Listeners[0].Pool
			p.Pool = rebuilt(t, p.Pool, func(spec *balancer.PoolSpec) { spec.Nodes[0].MaxConnections = 1 })
		}, second, "outcome=nodes_full"},
		{"connect_rate", mqttToMQTT, nil, false, ramping(t, balancer.Queue{Size: 1, Time: time.Millisecond}), second, "outcome=node_busy"},
	}
}

// Whoever reads that a connection has ended must find the line of the file that decided it.
func TestEverySettingThatEndsAConnectionIsNamedInItsLine(t *testing.T) {
	proxytest.WaitAbreast(t)
	tests := map[string]func(*testing.T){}
	for i, e := range endings(t) {
		tests[fmt.Sprint(i, " ", e.setting)] = func(t *testing.T) {
			var nodes []string
			for _, handle := range e.nodes {
				nodes = append(nodes, startNode(t, handle).address())
			}
			if e.nodes == nil {
				nodes = []string{startNode(t, nil).address()}
			}
			if e.full {
				nodes = append(nodes, fullListener(t))
			}
			settings := []setting{e.mode.set}
			if e.set != nil {
				settings = append(settings, e.set)
			}
			r := start(t, nodes, settings...)
			e.play(r)
			found := func() bool {
				for line := range strings.Lines(r.log.String()) {
					_, why, ok := strings.Cut(line, " error=")
					if ok && strings.Contains(line, e.line+" ") && strings.Contains(why, e.setting) && !strings.Contains(why, "context deadline exceeded\"") {
						return true
					}
				}
				return false
			}
			defer func() {
				if t.Failed() {
					t.Log(r.log)
				}
			}()
			eventually(t, "a line with "+e.line+" and "+e.setting, found)
		}
	}
	proxytest.RunAbreast(t, tests)
}
