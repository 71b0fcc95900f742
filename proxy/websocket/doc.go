// Package websocket is the part of RFC 6455 that the balancer does itself on the byte path: it
// reads the frames of one direction, masks and unmasks, writes frame headers, and asks a node for
// the upgrade.
//
//	r := websocket.Reader{FromClient: true} // one for each direction, 16 bytes
//	for len(b) > 0 {
//		piece, err := r.Next(b)
//		if err == websocket.ErrShort { // keep b, read more, call again from b's first byte
//			break
//		}
//		if err != nil { // *Error: it has the code of the close frame to send
//			break
//		}
//		b = b[piece.Raw:]
//		switch piece.Opcode {
//		case websocket.Binary: // pass piece.Payload on as bytes of MQTT, wherever frames begin and end
//		case websocket.Ping: // answer with a pong of the same payload
//		case websocket.Close: // answer with a close frame of the same code, read no more
//		}
//	}
//
// "Section" and § refer to RFC 6455 unless another document is named. The package never offers or
// accepts an extension, so that a reserved bit is an error and frames can be passed on unchanged.
// A text frame is an error, too: MQTT needs binary frames [MQTT-6.0.0-1].
//
// The package does no input or output, starts no goroutine, keeps no bytes, and allocates nothing
// outside the handshake. It does not assemble messages: the boundaries of frames and messages
// mean nothing in MQTT over WebSocket [MQTT-6.0.0-2]. It does not answer a client's upgrade;
// gorilla/websocket does.
package websocket
