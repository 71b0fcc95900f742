package proxy

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/pires/go-proxyproto"

	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// mode is the protocols of clients and nodes. One test body runs in every mode.
type mode struct {
	name     string
	protocol snapshot.Protocol // of the listener
	nodeWS   bool              // the nodes speak WebSocket
	tls      bool              // clients speak TLS
	nodeTLS  bool              // the nodes speak TLS
	single   bool              // a client's frame has one packet
}

var (
	mqttToMQTT  = mode{name: "mqtt", protocol: snapshot.MQTT}
	wsToWS      = mode{name: "ws", protocol: snapshot.WS, nodeWS: true}
	wsToMQTT    = mode{name: "ws to mqtt", protocol: snapshot.WS}
	httpToWS    = mode{name: "http to ws", protocol: snapshot.HTTP, nodeWS: true}
	mqttsToMQTT = mode{name: "mqtts", protocol: snapshot.MQTT, tls: true}
	wssToWS     = mode{name: "wss to ws", protocol: snapshot.WS, nodeWS: true, tls: true}
	wssToMQTT   = mode{name: "wss to mqtt", protocol: snapshot.WS, tls: true}
	mqttToMQTTS = mode{name: "mqtt to mqtts", protocol: snapshot.MQTT, nodeTLS: true}
	singleWS    = mode{name: "ws to mqtt, single", protocol: snapshot.WS, single: true}
	singleWSS   = mode{name: "wss to mqtt, single", protocol: snapshot.WS, tls: true, single: true}
	wssToWSS    = mode{name: "wss to wss", protocol: snapshot.WS, nodeWS: true, tls: true, nodeTLS: true}
)

// clientWS reports whether clients upgrade, so that their bytes are in frames.
func (m mode) clientWS() bool { return m.protocol == snapshot.WS || m.protocol == snapshot.HTTP }

// translated reports whether frames end in the proxy.
func (m mode) translated() bool { return m.clientWS() && !m.nodeWS }

var allModes = []mode{mqttToMQTT, wsToWS, wsToMQTT, httpToWS, mqttsToMQTT, wssToWS, wssToMQTT, wssToWSS, mqttToMQTTS}

// inEachMode runs a test in each mode, one after the other.
func inEachMode(t *testing.T, test func(*testing.T, mode)) {
	for _, m := range allModes {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// inModesAbreast runs a test in all modes at once. It is for tests that mostly wait. A test that
// mostly works is slower this way, since each idle loop keeps a processor for a moment.
func inModesAbreast(t *testing.T, modes []mode, test func(*testing.T, mode)) {
	t.Helper()
	tests := map[string]func(*testing.T){}
	for _, m := range modes {
		tests[m.name] = func(t *testing.T) { test(t, m) }
	}
	proxytest.RunAbreast(t, tests)
}

// inEachWSMode is inEachMode for tests that need WebSocket clients.
func inEachWSMode(t *testing.T, test func(*testing.T, mode)) {
	for _, m := range []mode{wsToWS, wsToMQTT, httpToWS} {
		t.Run(m.name, func(t *testing.T) { test(t, m) })
	}
}

// start is start with a listener of the mode.
func (m mode) start(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	return start(t, nodes, append(settings, m.set)...)
}

// startShortWaits is start for a test that waits for the end of the server's waits.
func (m mode) startShortWaits(t *testing.T, nodes []string, settings ...setting) *rig {
	t.Helper()
	r := prepare(t, nodes, append(settings, m.set)...)
	r.srv.waits = shortWaits
	r.run()
	return r
}

// set sets the mode in a snapshot, after the settings of the listener's pool.
func (m mode) set(s *snapshot.Snapshot) {
	ln := s.Listeners[0]
	ln.Protocol, ln.Pool.WebSocket = m.protocol, m.nodeWS
	ln.SinglePackets = m.single
	if m.clientWS() {
		ln.Routes = append(ln.Routes, snapshot.Route{Path: "/mqtt", Pool: ln.Pool, WebSocket: true})
	}
	if m.tls {
		ln.TLS = testTLS()
	}
	if m.nodeTLS {
		ln.Pool.TLS = testNodeTLS(ln.Pool.Nodes())
	}
	if s.MaxHeaderSize == 0 {
		s.MaxHeaderSize = 16 << 10
	}
}

// startNode is startNode with the protocol of the nodes in this mode.
func (m mode) startNode(t *testing.T, handle func(net.Conn)) *node {
	t.Helper()
	if !m.nodeWS && !m.nodeTLS {
		return startNode(t, handle)
	}
	var n *node
	ready := make(chan struct{})
	n = startNode(t, func(c net.Conn) {
		if m.nodeTLS {
			over := tls.Server(&unwrapped{Conn: c, r: bufio.NewReader(c)}, nodeConfig())
			if over.HandshakeContext(t.Context()) != nil {
				return
			}
			c = over
		}
		if m.nodeWS {
			c = acceptUpgrade(t, c)
		}
		switch <-ready; {
		case c == nil:
		case handle == nil:
			n.serve(c)
		default:
			handle(c)
		}
	})
	close(ready)
	return n
}

// unwrapped is a node's connection that skips the PROXY header, if there is one.
type unwrapped struct {
	net.Conn
	r    *bufio.Reader
	read bool // the header was read
}

func (u *unwrapped) Read(b []byte) (int, error) {
	if !u.read {
		u.read = true
		if _, err := proxyproto.Read(u.r); err != nil && err != proxyproto.ErrNoProxyProtocol {
			return 0, err
		}
	}
	return u.r.Read(b)
}

// acceptUpgrade answers an upgrade like a node that speaks WebSocket. It returns nil if there is none.
func acceptUpgrade(t *testing.T, c net.Conn) net.Conn {
	r := bufio.NewReader(c)
	if _, err := proxyproto.Read(r); err != nil && err != proxyproto.ErrNoProxyProtocol {
		return nil
	}
	request, err := http.ReadRequest(r)
	if err != nil {
		return nil
	}
	u := gorilla.Upgrader{Subprotocols: []string{"mqtt"}, CheckOrigin: func(*http.Request) bool { return true }}
	ws, err := u.Upgrade(hijack{c, r}, request, nil) // gorilla accepts no frames before its 101
	if err != nil {
		t.Errorf("the node's upgrade: %v", err)
		return nil
	}
	return &framed{Conn: c, ws: ws}
}

// hijack is an http.Hijacker on a connection.
type hijack struct {
	conn net.Conn
	r    *bufio.Reader
}

func (h hijack) Header() http.Header         { return http.Header{} }
func (h hijack) Write(b []byte) (int, error) { return len(b), nil }
func (h hijack) WriteHeader(int)             {}
func (h hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.r, bufio.NewWriter(h.conn)), nil
}

// upgraded upgrades a client's connection.
func upgraded(c net.Conn) (net.Conn, error) { return upgradedAt(c, "/mqtt") }

// upgradedAt is upgraded with another path or a query.
func upgradedAt(c net.Conn, path string) (net.Conn, error) {
	d := gorilla.Dialer{NetDial: func(string, string) (net.Conn, error) { return c, nil }, Subprotocols: []string{"mqtt"}}
	ws, resp, err := d.Dial("ws://broker.example"+path, nil)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	return &framed{Conn: c, ws: ws}, nil
}

// tcp returns the connection below frames and TLS.
func tcp(c net.Conn) *net.TCPConn {
	if f, ok := c.(*framed); ok {
		c = f.Conn
	}
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if u, ok := c.(*unwrapped); ok {
		c = u.Conn
	}
	return c.(*net.TCPConn)
}

// framed is a connection whose bytes are in binary frames.
type framed struct {
	net.Conn // the one below
	ws       *gorilla.Conn
	message  io.Reader // the message being read; nil: none
}

// Read reads across messages, whose boundaries mean nothing. A stream may end without a close frame.
func (f *framed) Read(b []byte) (int, error) {
	for {
		if f.message == nil {
			var err error
			if _, f.message, err = f.ws.NextReader(); err != nil {
				return 0, endOf(err)
			}
		}
		n, err := f.message.Read(b)
		if err == io.EOF {
			f.message, err = nil, nil
			if n == 0 {
				continue
			}
		}
		return n, endOf(err)
	}
}

// endOf returns io.EOF for gorilla's errors at an end, with a close frame or without.
func endOf(err error) error {
	if _, ok := err.(*gorilla.CloseError); ok {
		return io.EOF
	}
	return err
}

func (f *framed) Write(b []byte) (int, error) {
	if err := f.ws.WriteMessage(gorilla.BinaryMessage, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// SetDeadline also sets the deadline in gorilla, which sets its own before each write.
func (f *framed) SetDeadline(at time.Time) error {
	_ = f.ws.SetWriteDeadline(at)
	return f.Conn.SetDeadline(at)
}

func (f *framed) CloseWrite() error {
	return f.Conn.(interface{ CloseWrite() error }).CloseWrite()
}
