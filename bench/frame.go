package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// Opcodes of WebSocket frames (RFC 6455, section 5.2). From opClose on they are of
// control frames.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

const (
	finBit  = 0x80 // in the first byte: the last frame of a message
	maskBit = 0x80 // in the second byte: a masking key follows the length

	maxControl     = 125 // payload of a control frame (5.5)
	maxFrameHeader = 14
)

var (
	errReserved  = errors.New("WebSocket frame with a reserved bit, opcode or length (RFC 6455, 5.2)")
	errText      = errors.New("WebSocket message is not binary [MQTT-6.0.0-1]")
	errMasking   = errors.New("WebSocket frame masked by the server, or not masked by the client (RFC 6455, 5.1)")
	errFragments = errors.New("WebSocket fragments out of order (RFC 6455, 5.4)")
	errControl   = errors.New("WebSocket control frame that is fragmented or longer than 125 bytes (RFC 6455, 5.5)")
)

// closeError is the error with the status of a Close frame, after which nothing may follow. 1005 means that
// it had none (RFC 6455, 7.1.5).
type closeError uint16

func (c closeError) Error() string { return fmt.Sprintf("closed with WebSocket status %d", uint16(c)) }

// appendFrame appends payload as a message of one frame. A client must set masked.
func appendFrame(b []byte, opcode byte, masked bool, payload []byte) []byte {
	second := byte(0)
	if masked {
		second = maskBit
	}
	b = append(b, finBit|opcode)
	switch n := len(payload); {
	case n <= 125:
		b = append(b, second|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, second|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, second|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	key := rand.Uint32()
	b = binary.LittleEndian.AppendUint32(b, key)
	start := len(b)
	b = append(b, payload...)
	mask(b[start:], key)
	return b
}

// mask masks or unmasks b in place, using the bytes of key in little-endian order, and
// returns the key for the byte after b (RFC 6455, 5.3).
func mask(b []byte, key uint32) uint32 {
	wide := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key)
		key = bits.RotateLeft32(key, -8)
	}
	return key
}

// deframer removes the frames from a stream that arrives in pieces of any size. It keeps
// no data: messages of any length pass through.
type deframer struct {
	client  bool // this side is the client: frames arrive without a mask, and answers to control frames are masked
	inFrame bool // the header of a frame was read, but not its whole payload
	message bool // the last data frame did not end its message
	opcode  byte
	have    uint8  // bytes of header that have arrived
	key     uint32 // for the next byte of payload
	left    uint64 // payload of the frame still missing
	header  [maxFrameHeader]byte
	control []byte // payload of a control frame, as far as it has arrived
}

// next returns the payload of the data frames in b: a view of b, which it changes. It
// appends the answers to Ping and Close to replies. It may return an error together with
// data that arrived before. After a Close the error is a closeError, and final.
func (d *deframer) next(b, replies []byte) (data, _ []byte, err error) {
	for len(b) > 0 {
		if !d.inFrame {
			if b, err = d.readHeader(b); err != nil || !d.inFrame {
				return data, replies, err
			}
		}
		payload := b[:min(uint64(len(b)), d.left)]
		b = b[len(payload):]
		d.left -= uint64(len(payload))
		d.inFrame = d.left > 0
		if !d.client {
			d.key = mask(payload, d.key)
		}
		switch {
		case d.opcode >= opClose:
			d.control = append(d.control, payload...)
			if !d.inFrame {
				replies, err = d.answer(replies)
				d.control = nil
			}
			if err != nil {
				return data, replies, err
			}
		case data == nil:
			data = payload
		default:
			data = append(data, payload...) // moves the payload forward over a header
		}
	}
	return data, replies, nil
}

// answer appends the reply to a control frame.
func (d *deframer) answer(replies []byte) ([]byte, error) {
	switch d.opcode {
	case opPing:
		return appendFrame(replies, opPong, d.client, d.control), nil
	case opClose:
		status := closeError(1005)
		if len(d.control) >= 2 {
			status = closeError(binary.BigEndian.Uint16(d.control))
		}
		return appendFrame(replies, opClose, d.client, d.control[:min(len(d.control), 2)]), status
	}
	return replies, nil
}

// readHeader reads the header of a frame from b. If inFrame is false afterwards the
// header is incomplete and all of b was used.
func (d *deframer) readHeader(b []byte) (rest []byte, err error) {
	before := int(d.have)
	have := before + copy(d.header[before:], b)
	h := d.header[:have]
	need := 2
	if have >= need {
		need = headerLength(h[1])
	}
	if have < need {
		d.have = uint8(have)
		return nil, nil
	}
	d.have = 0
	if err := d.open(h[:need]); err != nil {
		return nil, err
	}
	d.inFrame = true
	return b[need-before:], nil
}

// headerLength returns the length of a header, by its second byte.
func headerLength(second byte) int {
	n := 2
	switch second &^ maskBit {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&maskBit != 0 {
		n += 4
	}
	return n
}

// open begins the frame with the header h.
func (d *deframer) open(h []byte) error {
	if h[0]&0x70 != 0 {
		return errReserved // no extension was negotiated
	}
	if masked := h[1]&maskBit != 0; masked == d.client {
		return errMasking
	}
	fin := h[0]&finBit != 0
	d.opcode = h[0] & 0x0f
	d.left = uint64(h[1] &^ maskBit)
	switch d.left {
	case 126:
		if d.left = uint64(binary.BigEndian.Uint16(h[2:])); d.left <= 125 {
			return errReserved
		}
	case 127:
		if d.left = binary.BigEndian.Uint64(h[2:]); d.left <= 0xffff || d.left>>63 != 0 {
			return errReserved
		}
	}
	if !d.client {
		d.key = binary.LittleEndian.Uint32(h[len(h)-4:])
	}
	switch d.opcode {
	case opContinuation, opBinary:
		if d.message != (d.opcode == opContinuation) {
			return errFragments
		}
		d.message = !fin
	case opClose, opPing, opPong:
		if !fin || d.left > maxControl {
			return errControl
		}
	case opText:
		return errText
	default:
		return errReserved
	}
	return nil
}
