package main_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// arrival describes a client that does not connect in the usual way of its mode.
type arrival struct {
	before  []byte      // sent first, in the clear: a PROXY header
	said    string      // the same in words
	tls     *tls.Config // its side of TLS
	bare    bool        // neither TLS nor an upgrade
	request string      // the upgrade; "": a good one
	asked   string      // the same in words; "": all its lines
	drip    bool        // the upgrade comes byte by byte
	noUp    bool        // TLS, but no upgrade
}

// upgradeText returns an upgrade request. Each of these lines replaces the valid one of
// the same name; a line that ends in "-" removes it.
func upgradeText(lines ...string) string {
	text := []string{
		"GET /mqtt HTTP/1.1",
		"Host: broker.example",
		"Connection: Upgrade",
		"Upgrade: websocket",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Protocol: mqtt",
	}
	for _, line := range lines {
		name, value, header := strings.Cut(line, ": ")
		if !header {
			text[0] = line
			continue
		}
		known := false
		for i := range text {
			if strings.HasPrefix(text[i], name+":") {
				text[i], known = line, true
				if value == "-" {
					text[i] = ""
				}
			}
		}
		if !known {
			text = append(text, line)
		}
	}
	var b strings.Builder
	for _, line := range text {
		if line != "" {
			b.WriteString(line + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

// dial returns a client of the scene's mode that is ready to send its CONNECT.
func (s *scene) dial() *endpoint { return s.dialAs(arrival{}) }

// dialAs is dial for a client with an arrival of its own. If the client is refused on
// the way, that is recorded, and the test has to close the connection.
func (s *scene) dialAs(a arrival) *endpoint {
	conn, err := dialer(s.source()).Dial("tcp", s.address())
	if err != nil {
		s.failf("dial: %v", err)
	}
	e := &endpoint{scene: s, name: "client", tcp: s.own(conn)}
	s.learn(conn.LocalAddr(), "<client>")
	e.in = bufio.NewReader(e.tcp)
	if len(a.before) > 0 {
		e.sendAs(a.before, a.said)
	}
	if a.bare {
		return e
	}
	if s.mode.clientTLS() && !e.secure(a) {
		return e
	}
	if s.mode.clientWS() && !a.noUp {
		e.upgrade(a)
	}
	return e
}

// own adds a connection that is closed at the end of the scene.
func (s *scene) own(conn net.Conn) *tapped {
	_ = conn.SetDeadline(time.Now().Add(patience))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return &tapped{TCPConn: conn.(*net.TCPConn)}
}

// secure makes the client's TLS handshake. A failure is recorded, with how the connection ends.
func (e *endpoint) secure(a arrival) bool {
	config := a.tls
	if config == nil {
		config = e.scene.clientTLS
	}
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	if e.scene.mode.passthrough() && !e.scene.serving {
		e.scene.acceptEarly() // the node is the TLS server
	}
	e.tls = tls.Client(e.tcp, config)
	if err := e.tls.Handshake(); err != nil {
		e.notef("> TLS ClientHello")
		said, _, _ := strings.Cut(e.ending(err), "\n")
		if !strings.HasPrefix(said, "TLS alert") {
			said = "closed" // with a FIN or a RST: the ClientHello may have been read
		}
		e.notef("< %s", said)
		return false
	}
	e.notef("= TLS handshake")
	e.in = bufio.NewReader(e.tls)
	return true
}

// upgrade sends the upgrade request and records the answer.
func (e *endpoint) upgrade(a arrival) {
	request := a.request
	if request == "" {
		request = upgradeText()
	}
	if a.drip {
		e.notef("the upgrade comes byte by byte")
		for _, c := range []byte(request) {
			e.write([]byte{c})
		}
	} else {
		e.write([]byte(request))
	}
	if a.request == "" && !e.scene.scenario.upgrades {
		status, words := e.readResponse()
		if e.ws = status == http.StatusSwitchingProtocols && strings.Contains(words, goodAccept); e.ws {
			e.notef("= upgrade to WebSocket")
			return
		}
		e.notef("> upgrade to WebSocket")
		e.noteResponse(words)
		return
	}
	if a.asked != "" {
		e.notef("> %s", a.asked)
		request = ""
	}
	for line := range strings.Lines(request) {
		if line != "\r\n" {
			e.notef("> %.100s", strings.TrimSpace(line))
		}
	}
	e.ws = e.response() == http.StatusSwitchingProtocols
}

// goodAccept is the Sec-WebSocket-Accept for the key in upgradeText, both from RFC 6455, 1.3.
const goodAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

// recordedHeaders are the headers of an HTTP response that are recorded.
var recordedHeaders = []string{
	"Allow", "Connection", "Location", "Retry-After", "Sec-WebSocket-Accept", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Upgrade",
}

// response records an HTTP response and returns its status. If there is none, it records the end and returns 0.
func (e *endpoint) response() (status int) {
	status, words := e.readResponse()
	e.noteResponse(words)
	return status
}

func (e *endpoint) noteResponse(words string) {
	for text := range strings.Lines(words) {
		e.notef("< %s", strings.TrimSpace(text))
	}
}

// readResponse reads the response for response to record.
func (e *endpoint) readResponse() (status int, text string) {
	resp, err := http.ReadResponse(e.in, nil)
	if err != nil {
		return 0, e.ending(err)
	}
	defer resp.Body.Close()
	words := []string{resp.Proto, resp.Status}
	for _, name := range recordedHeaders {
		if v := resp.Header.Values(name); len(v) > 0 {
			words = append(words, fmt.Sprintf("%s=%q", name, strings.Join(v, ", ")))
		}
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(resp.Body)
		words = append(words, fmt.Sprintf("%q", body))
	}
	e.answered = true
	return resp.StatusCode, strings.Join(words, " ")
}
