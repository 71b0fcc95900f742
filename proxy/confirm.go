package proxy

import (
	"time"

	"mqttlb/mqttparse"
)

// answer says what the first bytes of a node are.
type answer uint8

const (
	answerShort   answer = iota // the beginning of a CONNACK or an AUTH
	answerConnack               // a CONNACK
	answerAuth                  // an AUTH: its CONNACK comes once the client has replied
	answerClose                 // a close frame in place of a CONNACK
	answerOther                 // anything else, from which nothing can be learned
)

// firstByteAuth begins an AUTH.
const firstByteAuth = 15 << 4

// readAnswer classifies the first bytes of a node, which begin with a packet, and parses a CONNACK
// into c. It judges nothing: whatever the node sent is forwarded.
func readAnswer(b []byte, c *mqttparse.Connack, v mqttparse.Version) answer {
	for v == mqttparse.V5 && startsWithAuth(b) {
		n, err := packetEnd(b)
		switch {
		case err != nil:
			return answerOther
		case n == 0:
			return answerShort
		case n == len(b):
			return answerAuth
		}
		b = b[n:] // a client that has already replied may get its CONNACK at once
	}
	switch _, err := c.Parse(b, v, maxAnswer); err {
	case nil:
		return answerConnack
	case mqttparse.ErrShort:
		return answerShort
	default:
		return answerOther
	}
}

// mayBeConnack reports whether an answer, from which nothing can be learned, may yet be a CONNACK: one with too
// much behind it, or with a fault.
func mayBeConnack(b []byte) bool {
	const firstByteConnack = 2 << 4
	return len(b) == 0 || b[0] == firstByteConnack || startsWithAuth(b)
}

// startsWithAuth reports whether the first packet of a node's answer is an AUTH.
func startsWithAuth(b []byte) bool { return len(b) > 0 && b[0] == firstByteAuth }

// nodesOwn reports whether a CONNACK refuses the client for reasons of the node itself, so that another
// node may accept the client. All other refusals are about the client.
func nodesOwn(c *mqttparse.Connack) bool {
	code := mqttparse.ReasonCode(c.Code)
	if c.Version != mqttparse.V5 {
		return c.Code == returnServerUnavailable
	}
	switch code {
	case mqttparse.ServerUnavailable, mqttparse.ServerBusy, mqttparse.QuotaExceeded, mqttparse.UseAnotherServer,
		mqttparse.ServerMoved, mqttparse.ConnectionRateExceeded:
		return true
	default:
		return false
	}
}

// returnServerUnavailable is the return code of 3.1 and 3.1.1 for a server that is not available.
const returnServerUnavailable = 3

// packetEnd returns the length of the packet at the start of b, or 0 if it is not whole.
func packetEnd(b []byte) (int, error) {
	var packets mqttparse.Scanner
	for piece, err := range packets.Scan(b) {
		if err != nil || !piece.Ends {
			return 0, err
		}
		return piece.End, nil
	}
	return 0, nil
}

// idleLimit returns how long a session may be silent: the setting, or the time that the keep alive in
// force allows. 0 means for ever.
func idleLimit(setting time.Duration, keepAlive uint16) time.Duration {
	if setting > 0 || keepAlive == 0 {
		return setting
	}
	return time.Duration(keepAlive)*time.Second*3/2 + keepAliveGrace
}
