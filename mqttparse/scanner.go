package mqttparse

import (
	"errors"
	"iter"
)

// After these errors the next packet boundary cannot be found.
var (
	ErrPacketType      = errors.New("mqttparse: packet type 0 is forbidden")
	ErrRemainingLength = errors.New("mqttparse: Remaining Length has more than four bytes")
)

// A Scanner finds the packet boundaries in one direction of a stream. The stream comes in chunks
// of any size. A Scanner keeps a few bytes of state and no bytes of the stream. The zero value
// is a Scanner before the first packet.
//
//	for piece, err := range scanner.Scan(chunk) {
//		if err != nil { ... }
//		if piece.Ends && piece.Type() == 2 { ... } // chunk[:piece.End] ends with a whole CONNACK
//	}
type Scanner struct {
	left  uint32 // bytes still missing after the Remaining Length
	first byte   // first byte of the last packet that has begun; 0: none has
	state scannerState
	shift uint8 // bits of Remaining Length read so far
	body  byte  // first byte after the Remaining Length; valid only for a DISCONNECT, and 0 if there is none yet
}

type scannerState uint8

const (
	between  scannerState = iota // two packets, or before the first
	inLength                     // of the Remaining Length
	atBody                       // before the first byte after the Remaining Length
	inBody
	broken
)

// A Piece is the part of one packet in one chunk.
type Piece struct {
	First byte // the first byte of the packet: its type and flags
	// Begin and End are the offsets of the piece in the chunk. Starts reports whether the
	// packet's first byte is at Begin, Ends whether its last byte is at End-1.
	Begin, End   int
	Starts, Ends bool
}

// Type returns the type of the packet: 1 is CONNECT, 2 CONNACK, 3 PUBLISH and so on.
func (p Piece) Type() uint8 { return p.First >> 4 }

// Between reports whether the stream is between two packets or before the first.
func (s *Scanner) Between() bool { return s.state == between }

// Scan iterates over the pieces of chunk, the next bytes of the stream. Iterate to the
// end; a loop that breaks leaves the Scanner after the last piece. Scan accepts a
// Remaining Length in more bytes than it needs, because the end of such a packet is still
// clear.
//
// After ErrPacketType or ErrRemainingLength the iteration ends, and every later Scan
// returns the same error at its first byte. The last byte of the piece that comes with the
// first error is the invalid byte.
func (s *Scanner) Scan(chunk []byte) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for at := 0; at < len(chunk); {
			piece, err := s.next(chunk, at, 0)
			if !yield(piece, err) || err != nil {
				return
			}
			at = piece.End
		}
	}
}

// Skip advances the Scanner like Scan, for a caller that does not need the pieces.
func (s *Scanner) Skip(chunk []byte) {
	for at := 0; at < len(chunk); {
		piece, err := s.next(chunk, at, 0)
		if err != nil {
			return
		}
		at = piece.End
	}
}

// next reads from at to the end of the packet or of the chunk. mask is that of chunk[0].
func (s *Scanner) next(chunk []byte, at int, mask uint32) (p Piece, err error) {
	p.Begin = at
	if s.state == between {
		p.Starts = true
		s.first, s.left, s.shift, s.body = unmasked(chunk, at, mask), 0, 0, 0
		at++
		s.state = inLength
		if s.first>>4 == 0 {
			s.state = broken
			p.End = at
			return p, ErrPacketType
		}
	}
	p.First = s.first
	for s.state == inLength && at < len(chunk) {
		digit := unmasked(chunk, at, mask)
		at++
		s.left |= uint32(digit&0x7F) << s.shift
		s.shift += 7
		switch {
		case digit < 0x80:
			s.state = atBody
		case s.shift == 7*maxVariableByteInteger:
			s.state = broken
		}
	}
	if s.state == broken {
		p.End = at
		if s.first>>4 == 0 {
			return p, ErrPacketType
		}
		return p, ErrRemainingLength
	}
	if s.state == atBody && s.left > 0 && at < len(chunk) {
		s.body, s.state = unmasked(chunk, at, mask), inBody
	}
	if s.state == atBody || s.state == inBody {
		taken := min(len(chunk)-at, int(s.left))
		at += taken
		s.left -= uint32(taken)
		if s.left == 0 {
			s.state = between
			p.Ends = true
		}
	}
	p.End = at
	return p, nil
}

// unmasked returns the byte at an offset of a chunk whose first byte has this mask.
func unmasked(chunk []byte, at int, mask uint32) byte {
	return chunk[at] ^ byte(mask>>(8*(uint(at)%4)))
}
