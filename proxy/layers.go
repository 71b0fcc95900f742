package proxy

import (
	"errors"
	"io"
	"syscall"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/websocket"
)

// fault returns the error of the stream's TLS or frames that ended it, or nil if it ended normally or
// by an error of the socket.
func (h *stream) fault() error {
	if h.layers == nil || h.layers.end == io.EOF {
		return nil
	}
	if _, socket := errors.AsType[syscall.Errno](h.layers.end); socket {
		return nil
	}
	return h.layers.end
}

// layers are the protocols between a stream's socket and MQTT: TLS below, WebSocket above it.
type layers struct {
	tls *tlsterm.Session // nil: no TLS
	ws  *framing         // nil: no WebSocket, or frames pass unchanged
	end error            // why the stream has ended: io.EOF, or an error; nil: it has not
}

// readLayers is readUpTo for a stream with layers.
func (l *loop) readLayers(h *stream, room []byte) ([]byte, error) {
	if h.layers.ws != nil {
		return l.readFrames(h, room)
	}
	n, err := l.receive(h, room)
	return room[:n], err
}

// receive reads into room, without TLS's records. n is 0 if err is not nil.
func (l *loop) receive(h *stream, room []byte) (n int, err error) {
	switch {
	case h.layers.tls != nil:
		n, err = l.unseal(h, room)
	case h.layers.end != nil:
		return 0, h.layers.end
	default:
		if n, err = reactor.Receive(h.fd, room); err == nil && n == 0 {
			err = io.EOF
		}
	}
	if err != nil {
		h.readable = err != reactor.ErrAgain
		return 0, err
	}
	h.readable = n == len(room) || h.readToEnd
	h.moved += uint64(n)
	return n, nil
}

// writeLayers is write for a stream with layers.
func (l *loop) writeLayers(h *stream, b []byte) error {
	if ws := h.layers.ws; ws != nil {
		if b = l.inFrames(ws, b); len(b) == 0 {
			return nil
		}
	}
	return l.seal(h, b)
}

// seal writes b, framed already, to the socket, in TLS records if the stream has TLS.
func (l *loop) seal(h *stream, b []byte) error {
	if h.layers == nil || h.layers.tls == nil {
		return l.send(h, b)
	}
	var err error
	if l.sealed, err = h.layers.tls.Seal(l.sealed[:0], b); err != nil {
		return err
	}
	return l.sendSealed(h)
}

// sendSealed writes l.sealed to the socket.
func (l *loop) sendSealed(h *stream) error {
	if h.kept != nil && len(h.kept.bytes)+len(l.sealed) > 4*scratchSize {
		return syscall.ENOBUFS // the peer causes replies and does not read them
	}
	return l.send(h, l.sealed)
}

// endLayers says goodbye in the layers of a stream. Its caller then sends FIN.
func (l *loop) endLayers(h *stream, packet []byte, code websocket.CloseCode) (err error) {
	if ws := h.layers.ws; ws != nil {
		if b := ws.goodbye(packet, code); len(b) > 0 {
			err = l.seal(h, b)
		}
	} else if len(packet) > 0 {
		err = l.seal(h, packet)
	}
	if t := h.layers.tls; t != nil {
		l.sealed = t.CloseNotify(l.sealed[:0])
		if e := l.sendSealed(h); err == nil {
			err = e
		}
	}
	return err
}

// unseal decrypts into room, until it is full or the socket has no more.
func (l *loop) unseal(h *stream, room []byte) (n int, err error) {
	t := h.layers
	for emptied := false; n < len(room) && t.end == nil; {
		got, err := t.tls.Read(room[n:])
		n += got
		switch {
		case err == nil:
		case err != tlsterm.ErrWouldBlock:
			if t.end = err; err == io.ErrUnexpectedEOF {
				t.end = io.EOF
			}
		case emptied:
			return n, l.flushTLS(h, n)
		default:
			emptied = l.feedTLS(h)
		}
	}
	t.tls.Hold() // TLS must copy the rest of the loop's buffer
	return n, l.flushTLS(h, n)
}

// feedTLS reads ciphertext from the socket for TLS, and reports whether the socket has no more.
func (l *loop) feedTLS(h *stream) (emptied bool) {
	t := h.layers
	if l.cipher == nil {
		l.cipher = make([]byte, cipherSize)
	}
	n, err := reactor.Receive(h.fd, l.cipher)
	switch {
	case err == reactor.ErrAgain:
		return true
	case err != nil:
		t.end = err
	case n == 0:
		t.tls.FeedEOF()
	default:
		t.tls.Feed(l.cipher[:n])
		return n < len(l.cipher) && !h.readToEnd
	}
	return false
}

// flushTLS sends the records that TLS itself has produced, such as alerts, and returns the error for a
// read of n bytes.
func (l *loop) flushTLS(h *stream, n int) error {
	t := h.layers
	if l.sealed = t.tls.Owed(l.sealed[:0]); len(l.sealed) > 0 {
		if err := l.sendSealed(h); err != nil && t.end == nil {
			t.end = err
		}
	}
	switch {
	case n > 0:
		h.readToEnd = h.readToEnd || t.end != nil // the next read returns the end
		return nil
	case t.end == nil:
		return reactor.ErrAgain
	}
	return t.end
}
