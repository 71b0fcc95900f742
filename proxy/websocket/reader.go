package websocket

// A Reader follows the frames of one direction of a connection, in chunks of any
// size. It keeps none of the bytes. The zero value stands before the first frame
// of a server's stream, Reader{FromClient: true} before the first of a client's.
type Reader struct {
	// FromClient says whose frames these are: a client's must be masked, a
	// server's must not (§5.1).
	FromClient bool

	inMessage bool    // the last data frame had no FIN
	at        uint8   // how far the payload of this data frame was read, modulo 4
	mask      [4]byte // of this data frame, valid only if FromClient
	left      int64   // bytes of this data frame's payload that have not come
}

// A Piece is the next part of a stream of frames: a control frame, or as much of
// one data frame as has come.
type Piece struct {
	// Opcode is Binary, for the fragments of a binary message too, or Close, Ping or Pong.
	Opcode Opcode
	// Payload is not masked (any more). That of a control frame is whole. That of
	// a data frame may be empty: the header came alone, or the frame is empty.
	Payload []byte
	// Raw is how many bytes of the stream the piece took, header included. Never 0.
	Raw int
}

// Next takes the next piece off b, and unmasks it in place: b[:piece.Raw] is then
// no longer what came. Payload is a view into b. The next call is for b[piece.Raw:],
// and for what comes after it.
//
// ErrShort means that b is empty, or holds only the beginning of a data frame's
// header or of a control frame, at most MaxControlFrame-1 bytes: call again with
// these and more. An *Error means that the stream cannot be read on, and a second
// call with the same bytes gives it again. In both cases b is as it was.
//
// A stream has no frames after a close frame (§5.5.1): Next is not for what comes
// after one.
func (r *Reader) Next(b []byte) (Piece, error) {
	p, key, at, err := r.take(b)
	if err != nil {
		return Piece{}, err
	}
	if r.FromClient {
		Mask(p.Payload, key, at)
	}
	if p.Opcode == Close {
		if err := checkClose(p.Payload); err != nil {
			if r.FromClient {
				Mask(p.Payload, key, at)
			}
			return Piece{}, err
		}
	}
	return p, nil
}

// Copy is Next for a caller that passes b itself on as it came: it leaves b alone
// and appends the payload to dst, which it returns. Payload is a view into that.
// After an error dst is returned as it was.
func (r *Reader) Copy(dst, b []byte) ([]byte, Piece, error) {
	p, key, at, err := r.take(b)
	if err != nil {
		return dst, Piece{}, err
	}
	before := len(dst)
	longer := append(dst, p.Payload...)
	p.Payload = longer[before:]
	if r.FromClient {
		Mask(p.Payload, key, at)
	}
	if p.Opcode == Close {
		if err := checkClose(p.Payload); err != nil {
			return dst, Piece{}, err
		}
	}
	return longer, p, nil
}

// take finds the next piece, its payload still as it came, and the mask: payload[0]
// is at place at of the frame's payload, modulo 4.
func (r *Reader) take(b []byte) (p Piece, key [4]byte, at int, err error) {
	size := 0 // of the header, if b begins with one
	if r.left == 0 {
		h, err := ParseHeader(b)
		if err == nil {
			err = r.check(&h)
		}
		if err != nil {
			return Piece{}, key, 0, err
		}
		if h.Opcode.Control() { // it may stand between the fragments of a message: their state stays
			end := h.Size + int(h.Length)
			if len(b) < end {
				return Piece{}, key, 0, ErrShort
			}
			return Piece{Opcode: h.Opcode, Payload: b[h.Size:end:end], Raw: end}, h.Mask, 0, nil
		}
		r.inMessage, r.at, r.mask, r.left = !h.Fin, 0, h.Mask, h.Length
		size = h.Size
	} else if len(b) == 0 {
		return Piece{}, key, 0, ErrShort
	}
	n := int(min(int64(len(b)-size), r.left))
	end := size + n
	p = Piece{Opcode: Binary, Payload: b[size:end:end], Raw: end}
	key, at = r.mask, int(r.at)
	r.left -= int64(n)
	r.at = uint8((at + n) & 3)
	return p, key, at, nil
}

// check holds a header against the side that it came from and the frames before it.
func (r *Reader) check(h *Header) error {
	switch {
	case r.FromClient && !h.Masked:
		return errNotMasked // a cache between us could be made to keep what it holds (§10.3)
	case !r.FromClient && h.Masked:
		return errMasked
	case h.Opcode == Continuation && !r.inMessage:
		return errNothingToContinue
	case (h.Opcode == Binary || h.Opcode == Text) && r.inMessage:
		return errMessageUnfinished
	case h.Opcode == Text:
		return errText
	}
	return nil
}
