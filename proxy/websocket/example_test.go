package websocket_test

import (
	"fmt"

	"mqttlb/proxy/websocket"
)

// A client's PINGREQ in two fragments, with a ping between them.
func ExampleReader() {
	b := []byte{
		0x02, 0x81, 1, 2, 3, 4, 0xC0 ^ 1,
		0x89, 0x82, 1, 2, 3, 4, 'h' ^ 1, 'i' ^ 2,
		0x80, 0x81, 1, 2, 3, 4, 0x00 ^ 1,
	}
	r := websocket.Reader{FromClient: true}
	for len(b) > 0 {
		piece, err := r.Next(b)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("opcode %d: %x\n", piece.Opcode, piece.Payload)
		b = b[piece.Raw:]
	}
	// Output:
	// opcode 2: c0
	// opcode 9: 6869
	// opcode 2: 00
}
