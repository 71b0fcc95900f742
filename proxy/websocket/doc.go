// Package websocket is what of RFC 6455 the balancer does itself on the byte
// path: it follows the frames of one direction, masks and unmasks, writes the
// headers of frames, and asks a node for the upgrade.
//
//	r := websocket.Reader{FromClient: true} // one for each direction, 16 bytes
//	for len(b) > 0 {
//		piece, err := r.Next(b)
//		if err == websocket.ErrShort { // keep b, read more, call again from b's first byte
//			break
//		}
//		if err != nil { // *Error: it has the code of the close frame that is owed
//			break
//		}
//		b = b[piece.Raw:]
//		switch piece.Opcode {
//		case websocket.Binary: // piece.Payload goes on as bytes of MQTT, whatever the frames were
//		case websocket.Ping: // answer with a pong of the same payload
//		case websocket.Close: // answer with a close frame of the same code, read no more
//		}
//	}
//
// "Section" and § are RFC 6455's unless another document is named. No
// extension is ever offered or agreed to, so that a reserved bit is an error and
// a frame can be passed on as it is. A text frame is an error too: MQTT travels
// in binary frames [MQTT-6.0.0-1].
//
// The package does no input or output, starts no goroutine, keeps none of the
// bytes, and allocates nothing outside the handshake. It does not put messages
// together: in MQTT over WebSocket the bounds of frames and messages mean nothing
// [MQTT-6.0.0-2]. It does not answer a client's upgrade: gorilla/websocket does.
package websocket
