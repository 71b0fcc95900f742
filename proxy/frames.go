package proxy

import (
	"errors"

	"mqttlb/proxy/websocket"
)

// codeOf is the code in a close frame's payload.
func codeOf(payload []byte) websocket.CloseCode {
	code, _ := websocket.CloseOf(payload)
	return code
}

// closeCode is the code of the close frame that follows a refusal.
func (r refusal) closeCode() websocket.CloseCode {
	if code := goodbyes[r.outcome].close; code != 0 {
		return code
	}
	switch r.outcome {
	case ConnectTooLarge:
		return websocket.MessageTooBig
	case ConnectTimeout:
		return websocket.GoingAway
	case RefusedConnections, RefusedRate, RefusedAddress, RefusedAddressRate, NodesFull, NoNode, DialFailed, UpgradeRefused, DescriptorsExceeded, PortsExceeded:
		return websocket.TryAgainLater
	default:
		return websocket.ProtocolError
	}
}

// connackIn is what confirm makes of a node's first bytes where the node speaks
// WebSocket: the CONNACK may be spread over frames.
func connackIn(b []byte, decide func(packet []byte) answer) answer {
	var r websocket.Reader
	var packet []byte
	for {
		next, piece, err := r.Copy(packet, b)
		switch {
		case errors.Is(err, websocket.ErrShort):
			return decide(packet)
		case err != nil || piece.Opcode == websocket.Close:
			return answerOther
		case piece.Opcode == websocket.Binary:
			packet = next
		}
		b = b[piece.Raw:]
	}
}
