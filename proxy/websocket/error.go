package websocket

import (
	"errors"
	"strconv"
)

// ErrShort says that what is here is sound so far and more bytes are needed.
var ErrShort = errors.New("websocket: more bytes are needed")

// An Error is a rule of RFC 6455, or of MQTT over it, that the other side broke.
// Nothing after it can be read: the connection is to be failed (§7.1.7).
type Error struct {
	// Code is what the close frame that is owed says.
	Code CloseCode
	// Section is where the rule stands: "RFC 6455, 5.2" or "MQTT-6.0.0-1".
	Section string
	// Reason says what is wrong, and fits in a close frame.
	Reason string
}

// Error returns a line such as "reserved bits are set [RFC 6455, 5.2], close code 1002".
func (e *Error) Error() string {
	return e.Reason + " [" + e.Section + "], close code " + strconv.Itoa(int(e.Code))
}

// One value for each rule: a peer that breaks one costs no allocation.
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
