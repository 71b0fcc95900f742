package main_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// endpoint is one of the two peers that a scene plays: a client, or a node. It records
// the packets that it sends and reads, as it does so.
type endpoint struct {
	scene    *scene
	name     string    // "client" or "node"
	tcp      *tapped   // the socket
	tls      *tls.Conn // nil: in the clear
	in       *bufio.Reader
	ws       bool
	frames   bool   // data frames are recorded one by one, instead of the packets in them
	answered bool   // the response to the upgrade is recorded
	ended    bool   // the end of the stream is recorded
	stream   []byte // MQTT bytes that are read and not recorded yet
}

// tapped is a socket that remembers how its stream ended, since crypto/tls does not
// distinguish a close_notify from a bare FIN.
type tapped struct {
	*net.TCPConn
	before []byte // bytes that Read returns first
	err    error
}

func (c *tapped) Read(b []byte) (n int, err error) {
	if len(c.before) > 0 {
		n, c.before = copy(b, c.before), c.before[min(len(b), len(c.before)):]
		return n, nil
	}
	n, err = c.TCPConn.Read(b)
	if err != nil {
		c.err = err
	}
	return n, err
}

// conn returns the stream below WebSocket frames: TLS or the socket.
func (e *endpoint) conn() net.Conn {
	if e.tls != nil {
		return e.tls
	}
	return e.tcp
}

func (e *endpoint) notef(format string, args ...any) {
	e.scene.notef("%-6s %s", e.name, fmt.Sprintf(format, args...))
}

// write writes bytes unchanged. It ignores an error: the peer has gone then, and how its
// stream ended is recorded anyway.
func (e *endpoint) write(b []byte) { _, _ = e.conn().Write(b) }

// framed returns b in a frame of its own over WebSocket, and else b.
func (e *endpoint) framed(b []byte) []byte {
	if e.ws {
		return wsFrame(wsBinary, e.name == "client", b)
	}
	return b
}

// send sends packets in one write, over WebSocket each in a frame.
func (e *endpoint) send(packets ...[]byte) {
	var b []byte
	for _, p := range packets {
		e.notef("> %s", describePacket(p))
		b = append(b, e.framed(p)...)
	}
	e.write(b)
}

// drip is send with one byte in each write.
func (e *endpoint) drip(packets ...[]byte) {
	for _, p := range packets {
		e.notef("> %s, byte by byte", describePacket(p))
		for _, c := range e.framed(p) {
			e.write([]byte{c})
		}
	}
}

// sendAs sends bytes without a frame, and records words for them.
func (e *endpoint) sendAs(b []byte, what string) {
	e.notef("> %s", what)
	e.write(b)
}

// ping sends a WebSocket ping, which pong answers.
func (e *endpoint) ping(text string) {
	e.sendAs(wsFrame(wsPing, e.name == "client", []byte(text)), fmt.Sprintf("WS ping %q", text))
}

// closeWS sends a close frame.
func (e *endpoint) closeWS(code uint16, reason string) {
	e.sendAs(wsFrame(wsClose, e.name == "client", wsStatus(code, reason)), readFrame{first: wsClose, payload: wsStatus(code, reason)}.String())
}

// closeTLS sends a close_notify, if the endpoint speaks TLS, and nothing after it.
func (e *endpoint) closeTLS() {
	if e.tls != nil {
		e.notef("> close_notify")
		_ = e.tls.CloseWrite()
	}
}

// fin sends a close_notify, if the endpoint speaks TLS, and a FIN.
func (e *endpoint) fin() {
	e.closeTLS()
	e.finTCP()
}

// finTCP sends a FIN only.
func (e *endpoint) finTCP() {
	e.notef("> FIN")
	_ = e.tcp.CloseWrite()
}

// reset sends a RST.
func (e *endpoint) reset() {
	e.notef("> RST")
	_ = e.tcp.SetLinger(0)
	_ = e.tcp.Close()
}

// read records the next n packets or control frames.
func (e *endpoint) read(n int) {
	for range n {
		line, ended := e.next()
		for text := range strings.Lines(line) {
			e.notef("< %s", strings.TrimSpace(text))
		}
		if ended {
			e.scene.failf("%s: the stream has ended", e.name)
		}
	}
}

// end reads and records everything to the end of the stream.
func (e *endpoint) end() {
	for !e.ended {
		line, _ := e.next()
		for text := range strings.Lines(line) {
			e.notef("< %s", strings.TrimSpace(text))
		}
	}
}

// drained reads to the end of the stream without recording, and returns the error at the end.
func (e *endpoint) drained() (err error) {
	for err == nil {
		_, err = e.fill()
	}
	return err
}

// next reads the next packet or control frame and describes it, or how the stream ends.
func (e *endpoint) next() (line string, ended bool) {
	for {
		if packet, rest := cutPacket(e.stream); packet != nil {
			e.stream = rest
			return describePacket(packet), false
		}
		frame, err := e.fill()
		switch {
		case err != nil:
			return e.ending(err), true
		case frame != "":
			return frame, false
		}
	}
}

// fill reads more of the stream. It returns a description of a frame that holds no MQTT bytes.
func (e *endpoint) fill() (frame string, err error) {
	if !e.ws {
		b := make([]byte, 64<<10)
		n, err := e.in.Read(b)
		e.stream = append(e.stream, b[:n]...)
		return "", err
	}
	f, err := nextFrame(e.in)
	switch {
	case err != nil:
		return "", err
	case f.masked == (e.name == "client"):
		return fmt.Sprintf("masked %v: %v", f.masked, f), nil
	case f.control() || e.frames:
		return f.String(), nil
	}
	e.stream = append(e.stream, f.payload...)
	return "", nil
}

// ending describes how the stream ended, after a read has returned err.
func (e *endpoint) ending(err error) string {
	e.ended = true
	var words []string
	if len(e.stream) > 0 {
		words = append(words, "part of a packet "+describeBytes(e.stream))
	}
	alert := &net.OpError{}
	if e.tls != nil && e.tcp.err == nil { // TLS ended or failed, not the socket
		switch {
		case errors.As(err, &alert) && alert.Op == "remote error":
			words = append(words, "TLS alert: "+alert.Err.Error())
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF): // before the expected bytes were whole
			words = append(words, "close_notify")
		default:
			words = append(words, "broken TLS: "+err.Error())
		}
		if n, _ := io.Copy(io.Discard, struct{ io.Reader }{e.tcp}); n > 0 {
			words = append(words, fmt.Sprintf("%d bytes behind it", n))
		}
		if err = e.tcp.err; err == nil {
			err = io.EOF
		}
	} else if e.tcp.err != nil {
		err = e.tcp.err
	}
	switch {
	case errors.Is(err, io.EOF):
		words = append(words, "FIN")
	case errors.Is(err, syscall.ECONNRESET):
		words = append(words, "RST")
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.scene.failf("%s: nothing came within %v; so far %q", e.name, patience, words)
	case errors.Is(err, net.ErrClosed):
		words = append(words, "closed already")
	default:
		words = append(words, err.Error())
	}
	return strings.Join(words, "\n")
}
