package websocket

import (
	"errors"
	"strconv"
)

// ErrShort means that the bytes are valid so far and that more are needed.
var ErrShort = errors.New("websocket: more bytes are needed")

// An Error is a violation of RFC 6455, or of MQTT over WebSocket, by the peer. Nothing
// after it can be read: the connection must fail (§7.1.7).
type Error struct {
	// Code is the code of the close frame to send.
	Code CloseCode
	// Section is the place of the rule: "RFC 6455, 5.2" or "MQTT-6.0.0-1".
	Section string
	// Reason describes the violation and fits in a close frame.
	Reason string
}

// Error returns a line such as "reserved bits are set [RFC 6455, 5.2], close code 1002".
func (e *Error) Error() string {
	return e.Reason + " [" + e.Section + "], close code " + strconv.Itoa(int(e.Code))
}

// One value for each rule, so that a violation costs no allocation.
var (
	errReservedBits      = &Error{ProtocolError, "RFC 6455, 5.2", "reserved bits are set and no extension was agreed on"}
	errReservedOpcode    = &Error{ProtocolError, "RFC 6455, 5.2", "the opcode is reserved"}
	errLengthNotMinimal  = &Error{ProtocolError, "RFC 6455, 5.2", "the payload length is not in its shortest form"}
	errLengthTooBig      = &Error{ProtocolError, "RFC 6455, 5.2", "the payload length has its highest bit set"}
	errControlFragmented = &Error{ProtocolError, "RFC 6455, 5.5", "a control frame is fragmented"}
	errControlTooLong    = &Error{ProtocolError, "RFC 6455, 5.5", "a control frame has more than 125 bytes"}
	errNotMasked         = &Error{ProtocolError, "RFC 6455, 5.1", "a client's frame is not masked"}
	errMasked            = &Error{ProtocolError, "RFC 6455, 5.1", "a server's frame is masked"}
	errNothingToContinue = &Error{ProtocolError, "RFC 6455, 5.4", "a continuation without a message before it"}
	errMessageUnfinished = &Error{ProtocolError, "RFC 6455, 5.4", "a new message before the last one ended"}
	errText              = &Error{UnsupportedData, "MQTT-6.0.0-1", "a text frame: MQTT is sent in binary frames"}
	errCloseOneByte      = &Error{ProtocolError, "RFC 6455, 5.5.1", "a close frame of one byte: half a close code"}
	errCloseCode         = &Error{ProtocolError, "RFC 6455, 7.4", "a close code that must not be sent"}
	errCloseReason       = &Error{InvalidPayload, "RFC 6455, 5.5.1", "the reason of a close frame is not UTF-8"}
)
