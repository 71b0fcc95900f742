package proxy

import (
	"mqttlb/proxy/websocket"
)

// clientFrame is a client's frame with the first byte of its header as given: FIN,
// the reserved bits and the opcode.
func clientFrame(first byte, payload []byte) []byte {
	key := [4]byte{0x12, 0xa7, 0x00, 0xff}
	b := websocket.AppendMaskedHeader(nil, websocket.Binary, len(payload), key)
	b[0] = first
	b = append(b, payload...)
	websocket.Mask(b[len(b)-len(payload):], key, 0)
	return b
}
