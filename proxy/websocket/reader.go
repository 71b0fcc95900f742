package websocket

import "encoding/binary"

// A Reader reads the frames of one direction of a connection, in chunks of any size. It
// keeps no bytes. The zero value is a Reader before the first frame of a server's stream,
// Reader{FromClient: true} one before the first frame of a client's.
type Reader struct {
	// FromClient says which side sends the frames: a client must mask them, a server must
	// not (§5.1).
	FromClient bool

	inMessage bool   // the last data frame had no FIN
	mask      uint32 // for the next byte of this data frame's payload; valid only if FromClient
	left      int64  // bytes of this data frame's payload still missing
}

// A Piece is the next part of a stream of frames: a whole control frame, or the part of
// one data frame that has arrived.
type Piece struct {
	// Opcode is Close, Ping, Pong or, for every fragment of a binary message, Binary.
	Opcode Opcode
	// Payload is unmasked. The payload of a control frame is whole. The payload of a data
	// frame may be empty: only the header has arrived, or the frame is empty.
	Payload []byte
	// Raw is how many bytes of the stream the piece has, with its header. Never 0.
	Raw int
}

// Next returns the next piece of b. It unmasks the piece in place, which changes
// b[:piece.Raw]. Payload is a view into b. Continue with b[piece.Raw:] and the bytes
// after it.
//
// ErrShort means that b is empty, or has only the beginning of a data frame's header or
// of a control frame, at most MaxControlFrame-1 bytes: call again with these bytes and
// more. An *Error means that the stream is broken; a second call with the same bytes
// returns it again. In both cases b is unchanged.
//
// Do not call Next after a close frame: no frames may follow it (§5.5.1).
func (r *Reader) Next(b []byte) (Piece, error) {
	op, from, to, mask, err := r.nextPiece(b)
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

// Copy is Next for a caller that passes b on unchanged: it leaves b alone, appends the
// payload to dst and returns the extended slice. Payload is a view into that slice. After
// an error dst is unchanged.
func (r *Reader) Copy(dst, b []byte) ([]byte, Piece, error) {
	op, from, to, mask, err := r.nextPiece(b)
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

// nextPiece finds the next piece: it ends at b[to], and its payload, still masked, is
// b[from:to]. mask is the mask of that payload.
func (r *Reader) nextPiece(b []byte) (op Opcode, from, to int, mask uint32, err error) {
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
		if h.Opcode.Control() { // control frames may come between the fragments of a message: keep its state
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
	r.mask = rotated(mask, n)
	r.left -= int64(n)
	return Binary, from, from + n, mask, nil
}

// Between reports whether a frame may begin now, or a header that was short.
func (r *Reader) Between() bool { return r.left == 0 }

// check checks a header against the rules for its side and the frames before it.
func (r *Reader) check(h *Header) error {
	switch {
	case r.FromClient && !h.Masked:
		return errNotMasked // §10.3: an attacker could poison a cache between us
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
