package websocket

// A CloseCode is the reason why a connection is closed (§7.4, and IANA's registry of
// WebSocket close codes).
type CloseCode uint16

// The codes that are allowed in a close frame, and NoStatus, which is not.
const (
	Normal             CloseCode = 1000
	GoingAway          CloseCode = 1001
	ProtocolError      CloseCode = 1002
	UnsupportedData    CloseCode = 1003 // an unsupported kind of frame, such as text
	NoStatus           CloseCode = 1005 // the close frame had no code (§7.1.5); never sent
	InvalidPayload     CloseCode = 1007 // not UTF-8 although it must be
	PolicyViolation    CloseCode = 1008
	MessageTooBig      CloseCode = 1009
	MandatoryExtension CloseCode = 1010
	InternalError      CloseCode = 1011
	ServiceRestart     CloseCode = 1012
	TryAgainLater      CloseCode = 1013
	BadGateway         CloseCode = 1014
)

// inFrame reports whether c is allowed in a close frame: the codes that §7.4.1 and the
// registry define for it, and the ranges of §7.4.2 for libraries (3000) and applications
// (4000). 1004 is reserved; 1005, 1006 and 1015 are only for use inside a program.
func (c CloseCode) inFrame() bool {
	switch {
	case c >= 3000:
		return c <= 4999
	case c >= InvalidPayload:
		return c <= BadGateway
	default:
		return c >= Normal && c <= UnsupportedData
	}
}
