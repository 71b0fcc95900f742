package websocket

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
)

// First bytes of frames.
const (
	fin          = 0x80
	binaryFrame  = fin | 0x2 // a whole message
	firstOfMany  = 0x2
	continued    = 0x0
	lastOfMany   = fin | continued
	closeFrame   = fin | 0x8
	pingFrame    = fin | 0x9
	pongFrame    = fin | 0xA
	textFrame    = fin | 0x1
	maskedLength = 0x80 // the mask bit of the second byte
)

// frame encodes a frame from its diagram in RFC 6455, without the code under test. first
// is its first byte. A client's frame is masked with a key of four different bytes.
func frame(fromClient bool, first byte, payload []byte) []byte {
	var mask byte
	if fromClient {
		mask = maskedLength
	}
	b := []byte{first}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, mask|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
	if !fromClient {
		return append(b, payload...)
	}
	key := []byte{0x37, 0xFA, 0x21, 0x3D}
	b = append(b, key...)
	for i, c := range payload {
		b = append(b, c^key[i%4])
	}
	return b
}

// numbered returns n bytes in which no sequence repeats soon.
func numbered(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// A control is a control frame and its position.
type control struct {
	opcode  Opcode
	payload string
	after   int // bytes of data before it
}

// followed is the content of a stream, which must not depend on how it is cut.
type followed struct {
	data     []byte
	controls []control
	raw      int // bytes of all pieces
	err      error
}

func (f followed) equal(o followed) bool {
	return bytes.Equal(f.data, o.data) && slices.Equal(f.controls, o.controls) && f.raw == o.raw && f.err == o.err
}

func (f followed) String() string {
	return fmt.Sprintf("%d bytes of data, controls %+v, %d bytes taken, error %v", len(f.data), f.controls, f.raw, f.err)
}

// follow reads a stream in chunks as a session does: it keeps the bytes of an incomplete
// frame and passes them again with more. It calls both Next and Copy and compares their
// results.
func follow(t testing.TB, fromClient bool, chunks ...[]byte) (f followed) {
	t.Helper()
	next, copier := Reader{FromClient: fromClient}, Reader{FromClient: fromClient}
	var held, raw []byte
	for _, chunk := range chunks {
		held = append(held, chunk...)
		for {
			raw = append(raw[:0], held...)
			copied, other, otherErr := copier.Copy([]byte("dst"), raw)
			piece, err := next.Next(held)
			if !bytes.HasPrefix(copied, []byte("dst")) || !bytes.Equal(copied[3:], piece.Payload) || err != otherErr ||
				other.Opcode != piece.Opcode || other.Raw != piece.Raw || !bytes.Equal(other.Payload, piece.Payload) || next != copier {
				t.Fatalf("Next gives %+v, %v; Copy gives %+v, %v", piece, err, other, otherErr)
			}
			if err != nil && !bytes.Equal(held, raw) {
				t.Fatalf("%v: the bytes were changed", err)
			}
			if err == ErrShort {
				if len(held) >= MaxControlFrame {
					t.Fatalf("%d bytes are here and it wants more", len(held))
				}
				break
			}
			if err != nil {
				if _, again := next.Next(held); again != err {
					t.Fatalf("%v, and the second time %v", err, again)
				}
				f.err = err
				return f
			}
			f.take(t, piece, held)
			held = held[piece.Raw:]
		}
	}
	return f
}

// take records a piece, whose payload must be a part of held.
func (f *followed) take(t testing.TB, piece Piece, held []byte) {
	t.Helper()
	if piece.Raw <= 0 || piece.Raw > len(held) || len(piece.Payload) > piece.Raw || cap(piece.Payload) > piece.Raw {
		t.Fatalf("of %d bytes the piece %+v", len(held), piece)
	}
	switch piece.Opcode {
	case Binary:
		f.data = append(f.data, piece.Payload...)
	case Close, Ping, Pong:
		f.controls = append(f.controls, control{piece.Opcode, string(piece.Payload), len(f.data)})
	default:
		t.Fatalf("opcode %d", piece.Opcode)
	}
	f.raw += piece.Raw
}

// each cuts b into chunks of n bytes.
func each(n int, b []byte) [][]byte { return slices.Collect(slices.Chunk(b, n)) }

// sides are the two directions of a connection.
var sides = map[string]bool{"client": true, "server": false}
