package websocket

// A Follower finds the boundaries of frames in one direction of a connection whose bytes are passed on unchanged, in
// chunks of any size. It checks little and keeps no payload. The zero value is a Follower before the first frame. It
// has twelve bytes, because every session whose frames pass keeps two.
//
//	for len(chunk) > 0 {
//		n, payload, mask := follower.Next(chunk)
//		... // payload of a data frame, unchanged
//		chunk = chunk[n:]
//	}
type Follower struct {
	left   uint32 // bytes of the payload still missing; in the header, the length read so far
	key    uint32 // mask of the next byte of the payload and those after it; 0: none
	length uint8  // bytes of the length still missing
	mask   uint8  // bytes of the mask still missing
	state  followerState
}

// followerState is a set of facts about the stream.
type followerState uint8

const (
	inHeader  followerState = 1 << iota // between the first and the second byte of a header
	ofData                              // the last header is that of a data frame
	inMessage                           // the last data frame had no FIN
	of64Bits                            // the length has eight bytes
	hasClosed                           // there was a close frame
	lost                                // the bytes are no frame, or one of 4 GiB or more
)

// Next advances to the end of a header, of a frame or of the chunk, which must not be empty, and returns the number of
// bytes. payload is the part of these bytes that is payload of a data frame, masked if the client sent it.
// mask is the mask of its first four bytes, the first of them in the low byte; 0 if the payload is not masked.
func (f *Follower) Next(chunk []byte) (n int, payload []byte, mask uint32) {
	if f.left > 0 && !f.expectsHeader() && f.state&lost == 0 {
		n = int(min(int64(f.left), int64(len(chunk))))
		f.left -= uint32(n)
		if f.state&ofData != 0 {
			payload, mask = chunk[:n], f.key
		}
		f.key = rotated(f.key, n)
		return n, payload, mask
	}
	for n < len(chunk) {
		f.readHeader(chunk[n])
		if n++; f.state&lost != 0 {
			return len(chunk), nil, 0
		}
		if !f.expectsHeader() {
			break
		}
	}
	return n, nil, 0
}

// expectsHeader reports whether the stream is inside a header.
func (f *Follower) expectsHeader() bool { return f.state&inHeader != 0 || f.length > 0 || f.mask > 0 }

// readHeader reads the next byte of a header.
func (f *Follower) readHeader(b byte) {
	switch {
	case f.state&inHeader != 0:
		f.readLength(b)
	case f.length > 0:
		if f.left > 0xFF_FFFF {
			f.state |= lost
		}
		f.left = f.left<<8 | uint32(b)
		if f.length--; f.length == 0 && f.left < f.minLength() {
			f.state |= lost
		}
	case f.mask > 0:
		f.key = f.key>>8 | uint32(b)<<24
		f.mask--
	default:
		f.readOpcode(b)
	}
}

// readOpcode reads the first byte of a header.
func (f *Follower) readOpcode(b byte) {
	opcode, fin := Opcode(b&0x0F), b&0x80 != 0
	f.state = f.state&^ofData | inHeader
	switch {
	case b&0x70 != 0 || opcode.reserved() || opcode.Control() && !fin:
		f.state |= lost
	case opcode == Close:
		f.state |= hasClosed
	case opcode.Control():
	case fin:
		f.state = f.state&^inMessage | ofData
	default:
		f.state |= inMessage | ofData
	}
}

// readLength reads the second byte of a header.
func (f *Follower) readLength(b byte) {
	f.state &^= inHeader | of64Bits
	f.mask, f.key = b>>7*4, 0
	switch length := b & 0x7F; {
	case length <= MaxControlPayload:
		f.left = uint32(length)
	case f.state&ofData == 0:
		f.state |= lost // the control frame is too long
	case length == length16:
		f.left, f.length = 0, 2
	default:
		f.left, f.length = 0, 8
		f.state |= of64Bits
	}
}

// minLength returns the smallest length that needs as many bytes as this one has.
func (f *Follower) minLength() uint32 {
	if f.state&of64Bits != 0 {
		return 1 << 16
	}
	return length16
}

// Between reports whether a frame may begin now: the last frame is complete and was not a close
// frame.
func (f *Follower) Between() bool {
	return f.left == 0 && !f.expectsHeader() && f.state&(hasClosed|lost) == 0
}

// BetweenMessages reports whether a frame of a new message may begin now.
func (f *Follower) BetweenMessages() bool { return f.Between() && f.state&inMessage == 0 }
