package mqttparse

import (
	"bytes"

	"github.com/eclipse/paho.golang/packets"
)

// The return codes of a CONNACK of 3.1 and 3.1.1 (3.2.2.3).
const (
	returnUnacceptableVersion   = 1
	returnIdentifierRejected    = 2
	returnServerUnavailable     = 3
	returnBadUserNameOrPassword = 4
	returnNotAuthorized         = 5
)

// refusalsV5 holds the CONNACK of 5 for every reason code, written once: refusing
// is what a balancer does when it has the least time for it.
var refusalsV5 = writeRefusalsV5()

func writeRefusalsV5() (written [256][]byte) {
	for i := range written {
		code := ReasonCode(i)
		if code < UnspecifiedError || !code.inConnack() { // [MQTT-3.2.2-8]
			code = UnspecifiedError
		}
		var b bytes.Buffer
		connack := packets.NewControlPacket(packets.CONNACK)
		connack.Content.(*packets.Connack).ReasonCode = byte(code)
		if _, err := connack.WriteTo(&b); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		written[i] = b.Bytes()
	}
	return written
}

// AppendRefusal appends to b the CONNACK that refuses a client of version v for the
// reason code, and returns the extended slice. In 5 a code that a CONNACK cannot
// carry becomes UnspecifiedError. In 3.x nothing is appended when no return code
// fits, for there the connection is closed without a word [MQTT-3.2.2-6], as it
// is when v is 0: nothing says that it would be understood.
func AppendRefusal(b []byte, v Version, code ReasonCode) []byte {
	switch v {
	case V5:
		return append(b, refusalsV5[code]...)
	case V31, V311:
		if returned := returnCode(code); returned != 0 {
			return append(b, firstByteConnack, connackLengthV3, 0, returned)
		}
	}
	return b
}

// returnCode is the return code of 3.x that says what a reason code says, or 0.
func returnCode(code ReasonCode) byte {
	switch code {
	case UnsupportedProtocolVersion:
		return returnUnacceptableVersion
	case ClientIdentifierNotValid:
		return returnIdentifierRejected
	case ServerUnavailable, ServerBusy, ServerShuttingDown, QuotaExceeded, UseAnotherServer, ServerMoved, ConnectionRateExceeded:
		return returnServerUnavailable
	case BadUserNameOrPassword:
		return returnBadUserNameOrPassword
	case NotAuthorized, Banned:
		return returnNotAuthorized
	default:
		return 0
	}
}
