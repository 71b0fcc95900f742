package websocket

// An Opcode says what the payload of a frame is (§5.2, §11.8).
type Opcode uint8

// The opcodes; the others are reserved.
const (
	Continuation Opcode = 0x0 // more of the message that a data frame without FIN began
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control reports whether frames of this opcode are control frames (§5.5): at
// most MaxControlPayload long, never fragmented, allowed between the fragments of
// a message.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// reserved reports whether nobody has given o a meaning.
func (o Opcode) reserved() bool { return o&0x7 > 2 }
