//go:build linux

package bench

import "errors"

// webSocket is the WebSocket of one connection, of a client or of the Broker: first the
// upgrade, then frames.
type webSocket struct {
	deframer
	accept   []byte // for a client: the Sec-WebSocket-Accept that must arrive
	head     []byte // the head of the upgrade, as far as it has arrived
	upgraded bool
}

// readHead adds b to the head of the upgrade. ok is false if it is incomplete.
func (w *webSocket) readHead(b []byte) (h head, rest []byte, ok bool, err error) {
	if len(w.head) > 0 {
		b = append(w.head, b...)
	}
	h, rest, ok, err = cutHead(b)
	if err == nil && !ok {
		w.head = append(w.head[:0], b...)
		return h, nil, false, nil
	}
	w.head, w.upgraded = nil, true
	return h, rest, ok, err
}

// upgrade requests a WebSocket. The client must not send more before the server answers
// (RFC 6455, 4.1).
func (f *Fleet) upgrade(c *client) {
	key := newKey()
	c.ws = &webSocket{deframer: deframer{client: true}, accept: acceptOf(key)}
	c.state = upgrading
	f.frames = appendUpgrade(f.frames[:0], f.hosts[c.target], f.opt.Path, key)
	f.send(c, f.takeFrames())
}

// unframe removes the WebSocket's frames from b and returns their data. Replies to
// control frames wait in f.frames for flush. It may return an error together with data
// that arrived before.
func (f *Fleet) unframe(c *client, b []byte) (data []byte, err error) {
	if !c.ws.upgraded {
		h, rest, ok, err := c.ws.readHead(b)
		if err != nil || !ok {
			return nil, err
		}
		if err := h.checkUpgraded(c.ws.accept); err != nil {
			return nil, err
		}
		c.ws.accept = nil
		f.appendFirstConnect(c)
		b = rest
	}
	data, f.frames, err = c.ws.next(b, f.frames[:0])
	return data, err
}

// takeFrames returns the frames in f.frames, valid until the next frame is added.
func (f *Fleet) takeFrames() []byte {
	b := f.frames
	f.frames = b[:0]
	return b
}

// unframe answers the upgrade and removes the WebSocket's frames from the bytes after it.
// Replies wait in b.frames for frame.
func (b *Broker) unframe(c *brokerConn, chunk []byte) (data []byte, err error) {
	b.frames = b.frames[:0]
	if !c.ws.upgraded {
		h, rest, ok, err := c.ws.readHead(chunk)
		if err == nil && ok {
			b.frames, err = h.appendUpgraded(b.frames)
		}
		if err != nil {
			b.stats.Malformed.Add(1)
		}
		if err != nil || !ok {
			return nil, err
		}
		chunk = rest
	}
	data, b.frames, err = c.ws.next(chunk, b.frames)
	var closed closeError
	if err != nil && !errors.As(err, &closed) {
		b.stats.Malformed.Add(1)
	}
	return data, err
}

// frame returns the replies of unframe and then out, in one frame.
func (b *Broker) frame(out []byte) []byte {
	if len(out) > 0 {
		b.frames = appendFrame(b.frames, opBinary, false, out)
	}
	return b.frames
}
