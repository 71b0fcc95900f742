package websocket

import "encoding/binary"

// A Reader follows the frames of one direction of a connection, in chunks of any
// size. It keeps none of the bytes. The zero value stands before the first frame
// of a server's stream, Reader{FromClient: true} before the first of a client's.
type Reader struct {
	// FromClient says whose frames these are: a client's must be masked, a
	// server's must not (§5.1).
	FromClient bool

	inMessage bool   // the last data frame had no FIN
	mask      uint32 // for the next byte of this data frame's payload, valid only if FromClient
	left      int64  // bytes of this data frame's payload that have not come
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
	op, from, to, mask, err := r.take(b)
	if err != nil {
		return Piece{}, err
	}
	payload := b[from:to:to]
	if r.FromClient {
		xor(payload, mask)
	}
	if op == Close {
		if err := checkClose(payload); err != nil {
			if r.FromClient {
				xor(payload, mask)
			}
			return Piece{}, err
		}
	}
	return Piece{Opcode: op, Payload: payload, Raw: to}, nil
}

// Copy is Next for a caller that passes b itself on as it came: it leaves b alone
// and appends the payload to dst, which it returns. Payload is a view into that.
// After an error dst is returned with what it had.
func (r *Reader) Copy(dst, b []byte) ([]byte, Piece, error) {
	op, from, to, mask, err := r.take(b)
	if err != nil {
		return dst, Piece{}, err
	}
	before := len(dst)
	dst = append(dst, b[from:to]...)
	payload := dst[before:len(dst):len(dst)]
	if r.FromClient {
		xor(payload, mask)
	}
	if op == Close {
		if err := checkClose(payload); err != nil {
			return dst[:before], Piece{}, err
		}
	}
	return dst, Piece{Opcode: op, Payload: payload, Raw: to}, nil
}

// take finds the next piece: it ends at b[to], and its payload, still as it came,
// is b[from:to]. mask is for that payload.
func (r *Reader) take(b []byte) (op Opcode, from, to int, mask uint32, err error) {
	if r.left == 0 {
		var h Header
		err := h.parse(b)
		if err == nil {
			err = r.check(&h)
		}
		if err != nil {
			return 0, 0, 0, 0, err
		}
		from = h.Size
		mask = binary.LittleEndian.Uint32(h.Mask[:])
		if h.Opcode.Control() { // it may stand between the fragments of a message: their state stays
			to = from + int(h.Length)
			if len(b) < to {
				return 0, 0, 0, 0, ErrShort
			}
			return h.Opcode, from, to, mask, nil
		}
		r.inMessage, r.mask, r.left = !h.Fin, mask, h.Length
	} else if len(b) == 0 {
		return 0, 0, 0, 0, ErrShort
	}
	n := int(min(int64(len(b)-from), r.left))
	mask = r.mask
	r.mask = turned(mask, n)
	r.left -= int64(n)
	return Binary, from, from + n, mask, nil
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
