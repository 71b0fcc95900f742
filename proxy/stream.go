package proxy

import (
	"io"

	"mqttlb/proxy/reactor"
	"mqttlb/proxy/websocket"
)

// stream is one side of a session, seen as the bytes of MQTT. TLS and WebSocket are inside: read takes them off, write
// puts them on. The relay knows the four methods of the loop for a stream and nothing below them:
//
//	read   returns what has come, and one kind of end for FIN, close frame and close_notify
//	write  takes everything: what the socket does not take now is kept
//	flush  sends what is kept when there is room again
//	end    says goodbye in every layer and closes our direction, after what is kept
//
// While anything is kept for one stream of a session the other is not read, so that a peer that reads slowly holds one
// scratch buffer, and what we have to say ourselves.
type stream struct {
	moved  uint64   // bytes that have come, inside TLS and with the frames of WebSocket
	kept   *backlog // what the socket has not taken yet; nil: nothing
	layers *layers  // between the socket and MQTT; nil: none
	fd     int32    // -1: none
	birth  uint32   // tells its events from those of earlier streams in its place

	watch     reactor.Watch // what is reported of it
	readable  bool          // a read may find bytes, the end or an error
	readToEnd bool          // a short read does not mean that there is nothing more
	broken    bool          // an error was reported, or that both directions are ended
	reset     bool          // it was an error
	ended     bool          // its end was read
	wantsRoom bool          // it once took less than it was given: ask for room too
	output    output
}

// output is how far our direction of a stream is.
type output uint8

const (
	outputOpen   output = iota
	outputEnding        // goodbye is said: nothing more may be written, and the FIN follows what is kept
	outputEnded         // the FIN is sent
)

// read returns what has come of a stream: a view into the scratch buffer that is good until the next read, with room
// before it for the header of a frame. It may be empty: what came was TLS's or WebSocket's own. Errors are
// reactor.ErrAgain when there is nothing, io.EOF at the end, a *websocket.Error when the peer breaks the rules of
// frames, and others when the connection or its TLS is broken.
func (l *loop) read(h *stream) ([]byte, error) { return l.readUpTo(h, scratchSize) }

// readUpTo is read for at most so many bytes.
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
	// A short read has emptied the socket, and what comes later is reported anew; an end that was reported already is not.
	h.readable = n == len(room) || h.readToEnd
	h.moved += uint64(n)
	return room[:n], nil
}

// write gives all of b to a stream. An error means that the peer is gone.
func (l *loop) write(h *stream, b []byte) error {
	if h.layers != nil {
		return l.writeLayers(h, b)
	}
	return l.send(h, b)
}

// end says goodbye, in the order of the layers: a packet, which may be none, a close frame, which is none with code 0,
// close_notify and FIN. Each is said once, where the stream has that layer, after what is kept. A second end does nothing.
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

// closeOutput sends the FIN of a stream to which goodbye was said, once nothing is kept.
func (h *stream) closeOutput() {
	if h.output == outputEnding && h.kept == nil {
		reactor.CloseWrite(h.fd)
		h.output = outputEnded
	}
}

// hasUnread reports whether bytes of the stream wait in its socket, and no end behind them.
func (h *stream) hasUnread() bool {
	return !h.readToEnd && reactor.Unread(h.fd) > 0
}

// over reports whether both directions of the stream have ended; one that was never opened is.
func (h *stream) over() bool {
	return h.fd < 0 || h.ended && h.output == outputEnded
}
