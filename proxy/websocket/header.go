package websocket

import "encoding/binary"

// A Header is a frame header (§5.2).
type Header struct {
	Fin    bool // the last or only fragment of its message
	Opcode Opcode
	Masked bool
	Mask   [4]byte // valid only if Masked
	Length int64   // bytes of payload, 0 to 2^63-1
	Size   int     // bytes of the header itself, 2 to MaxHeaderSize
}

// ParseHeader parses the header at the beginning of b. It returns ErrShort when b ends
// inside the header. It returns an *Error for a header that no frame may have: reserved
// bits, a reserved opcode, a length that is not in its shortest form or above 2^63-1
// (§5.2), a control frame that is fragmented or too long (§5.5). The checks are in the
// order of the bytes, so the error is the same however few bytes have arrived.
//
// The Reader checks the rules that depend on the side or on earlier frames.
func ParseHeader(b []byte) (Header, error) {
	var h Header
	if err := h.parse(b); err != nil {
		return Header{}, err
	}
	return h, nil
}

// parse is ParseHeader into h. After an error h is invalid. Returning a Header would copy
// it twice, which takes longer than parsing it.
func (h *Header) parse(b []byte) error {
	if len(b) == 0 {
		return ErrShort
	}
	h.Fin, h.Opcode, h.Size = b[0]&0x80 != 0, Opcode(b[0]&0x0F), 2
	switch {
	case b[0]&0x70 != 0:
		return errReservedBits
	case h.Opcode.reserved():
		return errReservedOpcode
	case h.Opcode.Control() && !h.Fin:
		return errControlFragmented
	case len(b) < 2:
		return ErrShort
	}
	h.Masked = b[1]&0x80 != 0
	h.Length = int64(b[1] & 0x7F)
	if h.Length > MaxControlPayload {
		if h.Opcode.Control() {
			return errControlTooLong
		}
		if err := h.extendedLength(b); err != nil {
			return err
		}
	}
	if h.Masked {
		if len(b) < h.Size+4 {
			return ErrShort
		}
		h.Mask = [4]byte(b[h.Size:])
		h.Size += 4
	}
	return nil
}

// extendedLength parses the length after the second byte.
func (h *Header) extendedLength(b []byte) error {
	if h.Length == length16 {
		if len(b) < 4 {
			return ErrShort
		}
		length := binary.BigEndian.Uint16(b[2:])
		if length < length16 {
			return errLengthNotMinimal
		}
		h.Length, h.Size = int64(length), 4
		return nil
	}
	if len(b) < 10 {
		return ErrShort
	}
	length := binary.BigEndian.Uint64(b[2:])
	switch {
	case length > 1<<63-1:
		return errLengthTooBig
	case length < 1<<16:
		return errLengthNotMinimal
	}
	h.Length, h.Size = int64(length), 10
	return nil
}

// AppendHeader appends the header of a whole message in one unmasked frame, as a server
// sends it to a client. length is the length of the payload in bytes and must not be
// negative.
func AppendHeader(dst []byte, op Opcode, length int) []byte {
	return appendHeader(dst, op, length, 0)
}

// AppendFrame appends a whole message in one unmasked frame.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendMaskedHeader is like AppendHeader for a client's frame to a server. The payload
// must be masked with the same key, and the key must be unpredictable (§5.3).
func AppendMaskedHeader(dst []byte, op Opcode, length int, key [4]byte) []byte {
	return append(appendHeader(dst, op, length, 0x80), key[:]...)
}

// appendHeader appends a header without the mask; masked is the bit that announces a
// mask.
func appendHeader(dst []byte, op Opcode, length int, masked byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case length < length16:
		return append(dst, masked|byte(length))
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, masked|length16), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, masked|length64), uint64(length))
	}
}
