package websocket

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// AppendClose appends a whole close frame, not masked, as a server sends it to a
// client (§5.5.1). reason is UTF-8; it is cut to the 123 bytes that there is room
// for, between two characters. With NoStatus the frame is empty, so that
//
//	code, reason := CloseOf(piece.Payload)
//	reply = AppendClose(reply, code, reason)
//
// answers any close frame with the same.
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

// AppendCloseFor appends the close frame that a peer is owed for frames that broke the rules: the code and the reason of
// an *Error, and ProtocolError for any other.
func AppendCloseFor(dst []byte, err error) []byte {
	if broken, ok := errors.AsType[*Error](err); ok {
		return AppendClose(dst, broken.Code, broken.Reason)
	}
	return AppendClose(dst, ProtocolError, "")
}

// CloseOf returns what the payload of a close frame says, of a Piece that a Reader
// gave: NoStatus and nothing if it is empty (§7.1.5, §7.1.6).
func CloseOf(payload []byte) (code CloseCode, reason string) {
	if len(payload) < 2 {
		return NoStatus, ""
	}
	return CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
}

// checkClose checks the payload of a close frame, not masked (§5.5.1, §7.4).
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
