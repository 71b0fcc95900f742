package websocket

import "errors"

// A Follower tells where the frames of one direction of a connection begin and end that is passed on as it comes, in
// chunks of any size. It checks nothing and keeps none of the payload. The zero value stands before the first frame.
//
//	for len(chunk) > 0 {
//		n, payload := follower.Next(chunk)
//		... // payload: of a data frame, as it came
//		chunk = chunk[n:]
//	}
type Follower struct {
	left      int64               // bytes of this frame's payload that have not come
	header    [MaxHeaderSize]byte // of a frame whose header is not whole
	had       uint8               // bytes of it
	data      bool                // the payload is of a data frame
	inMessage bool                // the last data frame had no FIN
	closed    bool                // there was a close frame
	lost      bool                // what came is no frame
}

// Next goes on to the end of a header, of a frame or of the chunk, which is not empty, and returns how many bytes that
// are. Payload is what they are of a data frame's payload, masked if the client sent it.
func (f *Follower) Next(chunk []byte) (n int, payload []byte) {
	switch {
	case f.lost:
		return len(chunk), nil
	case f.left > 0:
		n = int(min(f.left, int64(len(chunk))))
		f.left -= int64(n)
		if f.data {
			payload = chunk[:n]
		}
		return n, payload
	}
	before := int(f.had)
	f.had += uint8(copy(f.header[before:], chunk))
	var h Header
	switch err := h.parse(f.header[:f.had]); {
	case errors.Is(err, ErrShort):
		return int(f.had) - before, nil
	case err != nil:
		f.lost = true
		return len(chunk), nil
	}
	f.had, f.left, f.data = 0, h.Length, !h.Opcode.Control()
	if f.data {
		f.inMessage = !h.Fin
	}
	f.closed = f.closed || h.Opcode == Close
	return h.Size - before, nil
}

// Between reports whether a frame could come now: none has begun, and there was no close frame.
func (f *Follower) Between() bool { return f.left == 0 && f.had == 0 && !f.closed && !f.lost }

// BetweenMessages reports whether a frame of a new message could come now.
func (f *Follower) BetweenMessages() bool { return f.Between() && !f.inMessage }
