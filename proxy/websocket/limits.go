package websocket

const (
	// MaxHeaderSize is the size of the largest frame header: two bytes, eight of length,
	// four of mask (§5.2).
	MaxHeaderSize = 2 + 8 + 4

	// MaxControlPayload is the size of the largest payload of a control frame (§5.5).
	MaxControlPayload = 125

	// MaxControlFrame is the size of the largest control frame, with header and mask. A
	// Reader never returns ErrShort for as many bytes.
	MaxControlFrame = 2 + 4 + MaxControlPayload

	// maxCloseReason is the room in a close frame after the code (§5.5.1).
	maxCloseReason = MaxControlPayload - 2

	// maxQuoted is how many bytes of a node's answer an error quotes: enough to recognize
	// it, too few to fill a log.
	maxQuoted = 120
)

// Values of a header's second byte that stand for a longer length (§5.2).
const (
	length16 = 126 // two bytes of length follow
	length64 = 127 // eight bytes of length follow
)
