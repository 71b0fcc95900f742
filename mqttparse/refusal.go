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

// refusalsV5 holds the encoded CONNACK of 5 for every reason code. It is encoded once,
// because a balancer refuses clients when it has the least time.
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
			panic(err) // a bytes.Buffer accepts every write
		}
		written[i] = b.Bytes()
	}
	return written
}

// AppendRefusal appends to b the CONNACK that refuses a client of version v for the
// reason code, and returns the extended slice. In 5 it replaces a code that a CONNACK
// cannot carry by UnspecifiedError. It appends nothing in 3.x when no return code fits,
// because the server then closes the connection without a CONNACK [MQTT-3.2.2-6], and
// when v is 0, because the client might not understand it.
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

// returnCode returns the return code of 3.x for a reason code, or 0 if there is none.
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
