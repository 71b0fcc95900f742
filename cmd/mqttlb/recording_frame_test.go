package main_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// First bytes of WebSocket frames: FIN and the opcode (RFC 6455, 5.2). They do not come
// from proxy/websocket, since that is under test here.
const (
	wsBinary      = 0x82
	wsText        = 0x81
	wsClose       = 0x88
	wsPing        = 0x89
	wsPong        = 0x8A
	wsBegin       = 0x02 // the first fragment of a binary message
	wsMiddle      = 0x00
	wsLast        = 0x80
	wsMask        = 0x80 // of the second byte
	wsControl     = 0x08 // set in the opcodes of control frames
	wsLargest     = 64 << 20
	wsStatusBytes = 2
)

var wsKey = [4]byte{0x12, 0xA7, 0x00, 0xFF}

// wsFrame returns a frame with this first byte, masked (as from clients) or not.
func wsFrame(first byte, masked bool, payload []byte) []byte {
	b, mask := []byte{first}, byte(0)
	if masked {
		mask = wsMask
	}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, mask|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	b = append(b, wsKey[:]...)
	for i, c := range payload {
		b = append(b, c^wsKey[i%4])
	}
	return b
}

// wsStatus returns the payload of a close frame.
func wsStatus(code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, code), reason...)
}

// readFrame is a frame from the other side, with its payload unmasked.
type readFrame struct {
	first   byte
	masked  bool
	payload []byte
}

// nextFrame reads a frame. It returns io.EOF if the stream ends between two frames.
func nextFrame(r *bufio.Reader) (f readFrame, err error) {
	if f.first, err = r.ReadByte(); err != nil {
		return f, err
	}
	second, err := r.ReadByte()
	if err != nil {
		return f, err
	}
	f.masked = second&wsMask != 0
	n := uint64(second &^ wsMask)
	if extra := map[uint64]int{126: 2, 127: 8}[n]; extra > 0 {
		var b [8]byte
		if _, err = io.ReadFull(r, b[8-extra:]); err != nil {
			return f, err
		}
		n = binary.BigEndian.Uint64(b[:])
	}
	if n > wsLargest {
		return f, fmt.Errorf("a frame of %d bytes", n)
	}
	var key [4]byte
	if f.masked {
		if _, err = io.ReadFull(r, key[:]); err != nil {
			return f, err
		}
	}
	f.payload = make([]byte, n)
	_, err = io.ReadFull(r, f.payload)
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, err
}

// control reports whether the frame is a ping, a pong or a close.
func (f readFrame) control() bool { return f.first&wsControl != 0 }

// String describes the frame in a recording.
func (f readFrame) String() string {
	var text string
	switch f.first {
	case wsClose:
		text = "WS close without a status"
		if len(f.payload) >= wsStatusBytes {
			text = fmt.Sprintf("WS close %d", binary.BigEndian.Uint16(f.payload))
			if reason := f.payload[wsStatusBytes:]; len(reason) > 0 {
				text += fmt.Sprintf(" %q", reason)
			}
		}
	case wsPing:
		text = fmt.Sprintf("WS ping %q", f.payload)
	case wsPong:
		text = fmt.Sprintf("WS pong %q", f.payload)
	default:
		text = fmt.Sprintf("WS frame, first byte %02x, %s", f.first, describeBytes(f.payload))
	}
	return text
}
