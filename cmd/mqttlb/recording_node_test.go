package main_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/pires/go-proxyproto"
)

// accepted is a connection that the scene's node has accepted, with the lines to record for it.
type accepted struct {
	*endpoint
	said []string
	err  error
}

// accept returns the next connection to the scene's node, ready for MQTT.
func (s *scene) accept() *endpoint {
	early := s.early
	if s.early = nil; early == nil {
		early = make(chan accepted, 1)
		early <- s.takeNode()
	}
	a := <-early
	for _, line := range a.said {
		s.notef("node   %s", line)
	}
	if a.err != nil {
		s.failf("node: %v", a.err)
	}
	return a.endpoint
}

// acceptEarly begins accept before the client has connected: its TLS handshake is with the node.
func (s *scene) acceptEarly() {
	early := make(chan accepted, 1)
	s.early = early
	go func() { early <- s.takeNode() }() // ends with the listener of the node, at the latest
}

// firstRead is how many bytes of the first write a node reads at once.
const firstRead = 64 << 10

// takeNode accepts a connection and reads everything before MQTT: PROXY header, TLS, upgrade.
func (s *scene) takeNode() (a accepted) {
	_ = s.node.SetDeadline(deadline())
	conn, err := s.node.Accept()
	if err != nil {
		return accepted{err: err}
	}
	e := &endpoint{scene: s, name: "node", tcp: s.own(conn)}
	a.endpoint = e
	s.learn(conn.RemoteAddr(), "<balancer>")
	first := make([]byte, firstRead)
	n, err := e.tcp.Read(first)
	if err != nil {
		a.err = fmt.Errorf("the first read: %w", err)
		return a
	}
	e.tcp.before = first[:n]
	e.in = bufio.NewReaderSize(e.tcp, firstRead)
	header, err := proxyproto.Read(e.in)
	switch {
	case err == nil:
		a.said = append(a.said, "< "+s.describeHeader(header))
	case err != proxyproto.ErrNoProxyProtocol:
		a.err = err
		return a
	}
	if s.mode.answersInTLS() {
		rest, _ := e.in.Peek(e.in.Buffered())
		e.tcp.before = append(slices.Clone(rest), e.tcp.before...)
		e.tls = tls.Server(e.tcp, s.nodeTLS)
		e.in = bufio.NewReader(e.tls)
		if a.err = e.tls.Handshake(); a.err != nil {
			return a
		}
		a.said = append(a.said, "= TLS handshake")
	} else if s.mode.reads() && !s.scenario.large {
		rest, _ := e.in.Peek(e.in.Buffered())
		a.said = append(a.said, "< first write: "+firstWrite(rest, header != nil, s.mode.nodeWS))
	}
	if s.mode.nodeWS {
		a.err = a.switchOver(s.scenario)
	}
	return a
}

// firstWrite describes which of the required parts the first write to a node held.
func firstWrite(rest []byte, header, upgrade bool) string {
	whole := "the CONNECT in part"
	if packet, _ := cutPacket(rest); packet != nil {
		whole = "the whole CONNECT"
	}
	if upgrade {
		whole = "the upgrade in part"
		if strings.Contains(string(rest), "\r\n\r\n") {
			whole = "the whole upgrade"
		}
	}
	if header {
		return "the PROXY header and " + whole
	}
	return whole
}

// describeHeader describes a PROXY header in a recording.
func (s *scene) describeHeader(h *proxyproto.Header) string {
	text := fmt.Sprintf("PROXY v%d, command %x, family %x, from %v to %v", h.Version, byte(h.Command), byte(h.TransportProtocol),
		s.replaced(fmt.Sprint(h.SourceAddr)), s.replaced(fmt.Sprint(h.DestinationAddr)))
	tlvs, err := h.TLVs()
	if err != nil {
		return text + ", " + err.Error()
	}
	for _, tlv := range tlvs {
		text += fmt.Sprintf(", TLV %x of %d bytes", byte(tlv.Type), len(tlv.Value))
	}
	return text
}

// recordedOfRequest are the headers of an upgrade to a node that are recorded.
var recordedOfRequest = []string{
	"Connection", "Origin", "Sec-WebSocket-Protocol", "Sec-WebSocket-Version", "Upgrade", "User-Agent",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto",
}

// switchOver reads an upgrade and answers it.
func (a *accepted) switchOver(sc *scenario) error {
	request, err := http.ReadRequest(a.in)
	if err != nil {
		return fmt.Errorf("the upgrade: %w", err)
	}
	words := []string{"<", request.Method, request.RequestURI, request.Proto, "Host=" + request.Host}
	for _, name := range recordedOfRequest {
		if v := request.Header.Values(name); len(v) > 0 {
			text := strings.Join(v, ", ")
			if name == "X-Forwarded-Port" {
				text = "<port>"
			}
			words = append(words, fmt.Sprintf("%s=%q", name, text))
		}
	}
	answer, what := sc.nodeSays, "= upgrade to WebSocket"
	if sc.upgrades {
		what = strings.Join(words, " ")
	}
	a.said = append(a.said, what)
	if answer == "" {
		sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
		offered := strings.Split(request.Header.Get("Sec-WebSocket-Protocol"), ", ")
		answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: " +
			offered[len(offered)-1] + "\r\nSec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
		a.ws = true
	}
	if line, _, _ := strings.Cut(answer, "\r\n"); sc.upgrades || sc.nodeSays != "" {
		a.said = append(a.said, "> "+line)
	}
	_, err = io.WriteString(a.conn(), answer)
	return err
}

// serveNode makes the scene's node accept every connection, answer each CONNECT with a
// CONNACK and then wait for the end. Nothing of that is recorded.
func (s *scene) serveNode() {
	s.serving = true
	s.served.Go(func() { // ends when the node's listener is closed
		for {
			a := s.takeNode()
			if a.endpoint == nil {
				return
			}
			s.served.Go(func() { // ends with the connection, which the scene closes
				defer a.tcp.Close()
				if a.err != nil {
					return
				}
				if packet, _ := a.packet(); packet != nil {
					a.write(a.framed(connackOf(levelOf(packet), 0)))
					_, _ = io.Copy(io.Discard, a.in)
				}
			})
		}
	})
}

// packet reads the next packet without recording it.
func (e *endpoint) packet() ([]byte, error) {
	for {
		if packet, rest := cutPacket(e.stream); packet != nil {
			e.stream = rest
			return packet, nil
		}
		if _, err := e.fill(); err != nil {
			return nil, err
		}
	}
}

// acceptBare is accept for a node that reads nothing.
func (s *scene) acceptBare() *endpoint {
	_ = s.node.SetDeadline(deadline())
	conn, err := s.node.Accept()
	if err != nil {
		s.failf("node: %v", err)
	}
	return &endpoint{scene: s, name: "node", tcp: s.own(conn)}
}
