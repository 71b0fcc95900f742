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
	answerOther                 // anything else, from which nothing can be learned
)

// readAnswer classifies the first bytes of a node, which begin with a packet, and parses a CONNACK
// into c. It judges nothing: whatever the node sent is forwarded.
func readAnswer(b []byte, c *mqttparse.Connack, v mqttparse.Version) answer {
	const auth = 15 << 4
	for v == mqttparse.V5 && len(b) > 0 && b[0] == auth {
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
