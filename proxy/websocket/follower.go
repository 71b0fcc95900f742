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
	left      int64          // bytes of this frame's payload that have not come
	begun     *partialHeader // nil: no header has begun
	data      bool           // the payload is of a data frame
	inMessage bool           // the last data frame had no FIN
	closed    bool           // there was a close frame
	lost      bool           // what came is no frame
}

// partialHeader is the beginning of a header that a chunk ended in, which is rare.
type partialHeader struct {
	bytes [MaxHeaderSize]byte
	had   int
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
	before, header := 0, chunk
	if f.begun != nil {
		longer := *f.begun // a copy: a Follower may be copied
		before = longer.had
		longer.had += copy(longer.bytes[before:], chunk)
		f.begun, header = &longer, longer.bytes[:longer.had]
	}
	var h Header
	switch err := h.parse(header); {
	case errors.Is(err, ErrShort):
		if f.begun == nil {
			f.begun = new(partialHeader)
			f.begun.had = copy(f.begun.bytes[:], chunk)
		}
		return len(chunk), nil
	case err != nil:
		f.lost = true
		return len(chunk), nil
	}
	f.begun, f.left, f.data = nil, h.Length, !h.Opcode.Control()
	if f.data {
		f.inMessage = !h.Fin
	}
	f.closed = f.closed || h.Opcode == Close
	return h.Size - before, nil
}

// Between reports whether a frame could come now: none has begun, and there was no close frame.
func (f *Follower) Between() bool { return f.left == 0 && f.begun == nil && !f.closed && !f.lost }

// BetweenMessages reports whether a frame of a new message could come now.
func (f *Follower) BetweenMessages() bool { return f.Between() && !f.inMessage }
