package websocket

// A Follower tells where the frames of one direction of a connection begin and end that is passed on as it comes, in
// chunks of any size. It checks little and keeps none of the payload. The zero value stands before the first frame. Its
// eight bytes are kept for each idle session.
//
//	for len(chunk) > 0 {
//		n, payload := follower.Next(chunk)
//		... // payload: of a data frame, as it came
//		chunk = chunk[n:]
//	}
type Follower struct {
	left   uint32 // bytes of the payload that have not come; of its length, while that comes
	length uint8  // bytes of the length that have not come
	mask   uint8  // bytes of the mask that have not come
	state  followerState
}

// followerState is a set of what a Follower knows of its direction.
type followerState uint8

const (
	inHeader  followerState = 1 << iota // the first byte of a header has come, and not the second
	ofData                              // the last header is one of a data frame
	inMessage                           // the last data frame had no FIN
	of64Bits                            // the length has eight bytes
	hasClosed                           // there was a close frame
	lost                                // what came is no frame, or one of 4 GiB or more
)

// Next goes on to the end of a header, of a frame or of the chunk, which is not empty, and returns how many bytes that
// are. Payload is what they are of a data frame's payload, masked if the client sent it.
func (f *Follower) Next(chunk []byte) (n int, payload []byte) {
	if f.left > 0 && !f.expectsHeader() && f.state&lost == 0 {
		n = int(min(int64(f.left), int64(len(chunk))))
		f.left -= uint32(n)
		if f.state&ofData != 0 {
			payload = chunk[:n]
		}
		return n, payload
	}
	for n < len(chunk) {
		f.readHeader(chunk[n])
		if n++; f.state&lost != 0 {
			return len(chunk), nil
		}
		if !f.expectsHeader() {
			break
		}
	}
	return n, nil
}

// expectsHeader reports whether a header has begun and not ended.
func (f *Follower) expectsHeader() bool { return f.state&inHeader != 0 || f.length > 0 || f.mask > 0 }

// readHeader takes the next byte of a header.
func (f *Follower) readHeader(b byte) {
	switch {
	case f.state&inHeader != 0:
		f.readLength(b)
	case f.length > 0:
		if f.left > 0xFF_FFFF {
			f.state |= lost
		}
		f.left = f.left<<8 | uint32(b)
		if f.length--; f.length == 0 && f.left < f.least() {
			f.state |= lost
		}
	case f.mask > 0:
		f.mask--
	default:
		f.readOpcode(b)
	}
}

// readOpcode takes the first byte of a header.
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

// readLength takes the second byte of a header.
func (f *Follower) readLength(b byte) {
	f.state &^= inHeader | of64Bits
	f.mask = b >> 7 * 4
	switch length := b & 0x7F; {
	case length <= MaxControlPayload:
		f.left = uint32(length)
	case f.state&ofData == 0:
		f.state |= lost // a control frame that is too long
	case length == length16:
		f.left, f.length = 0, 2
	default:
		f.left, f.length = 0, 8
		f.state |= of64Bits
	}
}

// least is the least length that needs as many bytes as this one has.
func (f *Follower) least() uint32 {
	if f.state&of64Bits != 0 {
		return 1 << 16
	}
	return length16
}

// Between reports whether a frame could come now: none has begun, and there was no close frame.
func (f *Follower) Between() bool {
	return f.left == 0 && !f.expectsHeader() && f.state&(hasClosed|lost) == 0
}

// BetweenMessages reports whether a frame of a new message could come now.
func (f *Follower) BetweenMessages() bool { return f.Between() && f.state&inMessage == 0 }
