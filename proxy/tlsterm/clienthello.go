package tlsterm

// HelloScanner finds the end of a client's first message, its ClientHello, which may come in any number of pieces and
// records (RFC 8446, 5.1). It does not parse the message. It scans each record once, however small the pieces are.
// The zero value is ready for use.
type HelloScanner struct {
	next   int     // offset of the next record in the client's bytes
	header [4]byte // type and length of the message
	had    int     // bytes of the message in the records before next, with its header
	wrong  bool    // not a ClientHello
}

// Wrong reports whether Whole has found that the client does not send a ClientHello.
func (h *HelloScanner) Wrong() bool { return h.wrong }

// Whole reports whether b, everything that the client has sent so far, holds the whole ClientHello. Whole also returns
// true as soon as b cannot be the beginning of one, because crypto/tls then has the right answer.
func (h *HelloScanner) Whole(b []byte) bool {
	const (
		recordHeader = 5
		handshake    = 22
		clientHello  = 1
		maxRecord    = 1 << 14
	)
	for {
		rest := b[h.next:]
		if len(rest) > 0 && rest[0] != handshake || len(rest) > 1 && rest[1] != 3 {
			h.wrong = true
			return true
		}
		if len(rest) < recordHeader {
			return false
		}
		length := int(rest[3])<<8 | int(rest[4])
		if length == 0 || length > maxRecord {
			h.wrong = true
			return true
		}
		if len(rest) < recordHeader+length {
			return false
		}
		if h.had < len(h.header) {
			copy(h.header[h.had:], rest[recordHeader:recordHeader+length])
		}
		h.had += length
		h.next += recordHeader + length
		if h.had < len(h.header) {
			continue
		}
		message := int(h.header[1])<<16 | int(h.header[2])<<8 | int(h.header[3])
		h.wrong = h.header[0] != clientHello || message > maxHandshake
		if h.wrong || h.had >= len(h.header)+message {
			return true
		}
	}
}
