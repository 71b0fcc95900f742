package websocket

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// AppendClose appends a whole unmasked close frame, as a server sends it to a client
// (§5.5.1). reason is UTF-8. AppendClose cuts it between two characters to the 123 bytes
// of room. With NoStatus the frame is empty, so that
//
//	code, reason := CloseOf(piece.Payload)
//	reply = AppendClose(reply, code, reason)
//
// answers any close frame with an equal one.
func AppendClose(dst []byte, code CloseCode, reason string) []byte {
	if code == NoStatus {
		return AppendHeader(dst, Close, 0)
	}
	if len(reason) > maxCloseReason {
		end := maxCloseReason
		for end > maxCloseReason-utf8.UTFMax && !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	dst = AppendHeader(dst, Close, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// AppendCloseFor appends the close frame for a peer whose frames broke the rules: it has the code and the reason of an
// *Error, and ProtocolError for any other error.
func AppendCloseFor(dst []byte, err error) []byte {
	if broken, ok := errors.AsType[*Error](err); ok {
		return AppendClose(dst, broken.Code, broken.Reason)
	}
	return AppendClose(dst, ProtocolError, "")
}

// CloseOf returns the code and the reason in the payload of a close frame, from a Piece
// of a Reader. They are NoStatus and "" if the payload is empty (§7.1.5, §7.1.6).
func CloseOf(payload []byte) (code CloseCode, reason string) {
	if len(payload) < 2 {
		return NoStatus, ""
	}
	return CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
}

// checkClose checks the unmasked payload of a close frame (§5.5.1, §7.4).
func checkClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1:
		return errCloseOneByte
	case !CloseCode(binary.BigEndian.Uint16(payload)).inFrame():
		return errCloseCode
	case !utf8.Valid(payload[2:]):
		return errCloseReason
	}
	return nil
}
