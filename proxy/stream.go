package proxy

import (
	"io"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// stream is one side of a session, seen as MQTT bytes. It hides TLS and WebSocket: read removes them
// and write adds them. The relay uses these four methods of the loop and nothing below them:
//
//	read   returns bytes, or io.EOF for FIN, close frame and close_notify alike
//	write  takes all bytes and keeps those that the socket does not take now
//	flush  sends the kept bytes when there is room again
//	end    says goodbye in every layer and closes our direction, after the kept bytes
//
// While one stream of a session keeps bytes, the other is not read. So a slow reader costs one scratch
// buffer, and our own replies, at most.
type stream struct {
	moved  uint64   // bytes read, without TLS but with WebSocket frames
	kept   *backlog // bytes that the socket has not taken yet; nil: none
	layers *layers  // between the socket and MQTT; nil: none
	fd     int32    // -1: none
	birth  uint32   // distinguishes its events from those of earlier descriptors in the slot

	watch     reactor.Watch // the events that are reported
	readable  bool          // a read may return bytes, the end or an error
	readToEnd bool          // more may follow a short read, so read until ErrAgain
	broken    bool          // an event reported an error, or the end of both directions
	reset     bool          // it was an error
	ended     bool          // its end was read
	wantsRoom bool          // it once had a backlog: watch for room, too
	output    output
}

// output is the state of our direction of a stream.
type output uint8

const (
	outputOpen   output = iota
	outputEnding        // goodbye is said: nothing more may be written, and FIN follows the backlog
	outputEnded         // FIN was sent
)

// read returns bytes of a stream: a view into the scratch buffer, valid until the next read, with room
// before it for a frame header. It may be empty if only TLS or WebSocket itself had something to say.
// Errors are reactor.ErrAgain if there is nothing, io.EOF at the end, a *websocket.Error for a
// violation of the framing, and others if the connection or its TLS is broken.
func (l *loop) read(h *stream) ([]byte, error) { return l.readUpTo(h, scratchSize) }

// readUpTo is read with a limit of most bytes.
func (l *loop) readUpTo(h *stream, most int) ([]byte, error) {
	room := l.scratch[headroom : headroom+most]
	if h.layers != nil {
		return l.readLayers(h, room)
	}
	n, err := reactor.Receive(h.fd, room)
	switch {
	case err == reactor.ErrAgain:
		h.readable = false
		return nil, err
	case err != nil:
		return nil, err
	case n == 0:
		return nil, io.EOF
	}
	// A short read has emptied the socket. Later bytes are reported anew, but an end that was already
	// reported is not.
	h.readable = n == len(room) || h.readToEnd
	h.moved += uint64(n)
	return room[:n], nil
}

// write takes all of b for a stream. An error means that the peer is gone.
func (l *loop) write(h *stream, b []byte) error {
	if h.layers != nil {
		return l.writeLayers(h, b)
	}
	return l.send(h, b)
}

// end says goodbye in the order of the layers: packet, which may be empty, a close frame unless code
// is 0, close_notify and FIN. Each is sent once, if the stream has that layer, after the backlog. A
// second call does nothing.
func (l *loop) end(h *stream, packet []byte, code websocket.CloseCode) error {
	if h.output != outputOpen {
		return nil
	}
	var err error
	if h.layers != nil {
		err = l.endLayers(h, packet, code)
	} else if len(packet) > 0 {
		err = l.send(h, packet)
	}
	h.output = outputEnding
	h.closeOutput()
	return err
}

// closeOutput sends FIN after a goodbye, once the backlog is empty.
func (h *stream) closeOutput() {
	if h.output == outputEnding && h.kept == nil {
		reactor.CloseWrite(h.fd)
		h.output = outputEnded
	}
}

// hasUnread reports whether bytes wait in the socket of the stream without an end behind them.
func (h *stream) hasUnread() bool {
	return !h.readToEnd && reactor.Unread(h.fd) > 0
}

// over reports whether both directions of the stream have ended, or it was never opened.
func (h *stream) over() bool {
	return h.fd < 0 || h.ended && h.output == outputEnded
}
