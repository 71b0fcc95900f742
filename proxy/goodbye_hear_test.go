package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// watched is a connection that notes whether its end was read: crypto/tls does not distinguish
// close_notify from a bare FIN.
type watched struct {
	net.Conn
	ended bool
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.ended = w.ended || err != nil
	return n, err
}

// peer is one end of a session. Once the session is open, the test writes and reads its frames.
type peer struct {
	t *testing.T
	net.Conn
	socket *watched // below TLS
	ws     bool
	node   bool
}

// clientPeer is a client of the rig's first listener.
func (r *rig) clientPeer(m mode) *peer {
	r.t.Helper()
	c := r.dialBare(r.srv.Addr("mqtt"))
	p := &peer{t: r.t, socket: &watched{Conn: c.Conn}, ws: m.clientWS()}
	c.Conn = p.socket
	p.Conn = belowFrames(r.handshakeAndUpgrade(c).Conn)
	return p
}

// nodePeer returns a node's end of a session, all of whose bytes so far were read.
func nodePeer(t *testing.T, m mode, c net.Conn) *peer {
	p := &peer{t: t, Conn: belowFrames(c), ws: m.nodeWS, node: true}
	if over, ok := p.Conn.(*tls.Conn); ok {
		below := over.NetConn().(*unwrapped)
		p.socket = &watched{Conn: below.Conn}
		below.r = bufio.NewReader(p.socket)
	} else {
		p.socket = &watched{Conn: p.Conn}
		p.Conn = p.socket
	}
	_ = p.SetDeadline(time.Now().Add(patience))
	return p
}

// belowFrames returns the connection below the frames.
func belowFrames(c net.Conn) net.Conn {
	if f, ok := c.(*framed); ok {
		return f.Conn
	}
	return c
}

// say sends b, in a frame if the peer speaks WebSocket.
func (p *peer) say(b []byte) {
	p.t.Helper()
	if p.ws {
		b = pick(p.node, websocket.AppendFrame(nil, websocket.Binary, b), clientFrame(finBinary, b))
	}
	p.send(b)
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// read reads n bytes.
func (p *peer) read(n int) []byte {
	p.t.Helper()
	b := make([]byte, n)
	if got, err := io.ReadFull(p, b); err != nil {
		p.t.Fatalf("%d of %d bytes: %v", got, n, err)
	}
	return b
}

// expect reads exactly b, in a frame if the peer speaks WebSocket.
func (p *peer) expect(b []byte) {
	p.t.Helper()
	if p.ws {
		b = websocket.AppendFrame(nil, websocket.Binary, b)
	}
	if got := p.read(len(b)); !bytes.Equal(got, b) {
		p.t.Fatalf("got % x, want % x", got, b)
	}
}

// hear reads to the end and returns what each layer said, in order: MQTT, in any number of frames,
// close frames, close_notify and FIN. before was read already.
func (p *peer) hear(before ...byte) (heard []string) {
	p.t.Helper()
	b, err := io.ReadAll(p.Conn)
	b = append(before, b...)
	if p.ws {
		heard = p.hearFrames(b)
	} else if len(b) > 0 {
		heard = append(heard, fmt.Sprintf("% x", b))
	}
	if over, ok := p.Conn.(*tls.Conn); ok && !p.socket.ended {
		heard = append(heard, "close_notify")
		if err == nil {
			var rest []byte
			if rest, err = io.ReadAll(over.NetConn()); len(rest) > 0 {
				heard = append(heard, fmt.Sprintf("% x behind it", rest))
			}
		}
	}
	switch {
	case err == nil:
		return append(heard, "FIN")
	case errors.Is(err, syscall.ECONNRESET):
		return append(heard, "RST")
	}
	return append(heard, err.Error())
}

func (p *peer) hearFrames(b []byte) (heard []string) {
	p.t.Helper()
	r := websocket.Reader{FromClient: p.node}
	var mqtt []byte
	flush := func() {
		if len(mqtt) > 0 {
			heard = append(heard, fmt.Sprintf("% x", mqtt))
		}
		mqtt = nil
	}
	for len(b) > 0 {
		piece, err := r.Next(b)
		if err != nil {
			flush()
			return append(heard, fmt.Sprintf("% x: %v", b, err))
		}
		if b = b[piece.Raw:]; piece.Opcode == websocket.Binary {
			mqtt = append(mqtt, piece.Payload...)
			continue
		}
		flush()
		code, _ := websocket.CloseOf(piece.Payload)
		heard = append(heard, fmt.Sprint(pick(piece.Opcode == websocket.Close, "close ", "control "), code))
	}
	flush()
	return heard
}

// leave has every session leave.
func (r *rig) leave(o outcome.Outcome) {
	r.inLoops(func(l *loop, s *session) { l.resume(s, l.leave(s, o)) })
}

// timeIsOver expires the deadline of every session.
func (r *rig) timeIsOver() {
	r.inLoops(func(l *loop, s *session) {
		s.deadline = l.Timers.Now()
		l.expire(s)
	})
}

// inLoops calls f for every open session, in its loop.
func (r *rig) inLoops(f func(*loop, *session)) {
	for _, l := range r.srv.engine.loops {
		done := make(chan struct{})
		if !l.Do(func() {
			defer close(done)
			l.eachSession(func(s *session) { f(l, s) })
		}) {
			close(done)
		}
		<-done
	}
}
