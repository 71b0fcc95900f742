package websocket

// An Opcode is the kind of a frame (§5.2, §11.8).
type Opcode uint8

// The opcodes. All others are reserved.
const (
	Continuation Opcode = 0x0 // the next fragment of a message whose first frame had no FIN
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control reports whether frames of this opcode are control frames (§5.5): at most
// MaxControlPayload long, never fragmented, and allowed between the fragments of a
// message.
func (o Opcode) Control() bool { return o&0x8 != 0 }

// reserved reports whether o has no meaning yet.
func (o Opcode) reserved() bool { return o&0x7 > 2 }
