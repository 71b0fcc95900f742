package websocket

const (
	// MaxHeaderSize is the longest header of a frame: two bytes, eight of length,
	// four of mask (§5.2).
	MaxHeaderSize = 2 + 8 + 4

	// MaxControlPayload is the longest payload of a control frame (§5.5).
	MaxControlPayload = 125

	// MaxControlFrame is the longest control frame, header and mask included. A
	// caller that holds as many bytes is never told ErrShort by a Reader.
	MaxControlFrame = 2 + 4 + MaxControlPayload

	// maxCloseReason is what a close frame has room for after the code (§5.5.1).
	maxCloseReason = MaxControlPayload - 2

	// maxQuoted is how much of a node's answer an error repeats: enough for a
	// person to know it, too little to fill a log.
	maxQuoted = 120
)

// What the second byte of a header says in place of a length (§5.2).
const (
	length16 = 126 // two bytes of length follow
	length64 = 127 // eight bytes of length follow
)
