package proxy

import (
	"errors"

	"mqttlb/mqttparse"
)

// refusal is why a session is not taken: the outcome that is counted and the
// code that the client is told, in its own version.
type refusal struct {
	outcome Outcome
	code    mqttparse.ReasonCode // 0: closed without a word
}

// peek reads the CONNECT at the start of b into c. It wants more bytes with
// mqttparse.ErrShort; on any other error the refusal says what comes of it, and
// c.Version in which version.
func peek(b []byte, c *mqttparse.Connect, maxSize int) (refusal, error) {
	_, err := c.Parse(b, maxSize)
	if err == nil || err == mqttparse.ErrShort {
		return refusal{}, err
	}
	var malformed *mqttparse.Malformed
	if !errors.As(err, &malformed) {
		return refusal{outcome: MalformedConnect}, err
	}
	outcome := MalformedConnect
	switch malformed.Code {
	case mqttparse.UnsupportedProtocolVersion:
		outcome = UnsupportedVersion
	case mqttparse.ClientIdentifierNotValid:
		outcome = IdentifierRejected
	case mqttparse.PacketTooLarge:
		outcome = ConnectTooLarge
	}
	if c.Version == 0 && outcome != ConnectTooLarge {
		outcome = NotMQTT
	}
	return refusal{outcome, malformed.Code}, err
}
