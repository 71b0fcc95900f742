package proxy

import (
	"time"

	"mqttlb/mqttparse"
)

// answer is what a node's first bytes are.
type answer uint8

const (
	answerShort   answer = iota // the beginning of a CONNACK or an AUTH
	answerConnack               // a CONNACK
	answerAuth                  // an AUTH: its CONNACK comes once the client has replied
	answerOther                 // none that is known, so nothing can be learned from it
)

// readAnswer reads what a node sent first, at a packet's beginning, and the
// CONNACK into c. Nothing is judged here: what the node said is forwarded
// whatever it is.
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
		b = b[n:] // a client that spoke first may have its CONNACK at once
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

// packetEnd is the length of the packet that b begins with; 0: it is not whole.
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

// logged is the part of a client identifier that the log shows.
func logged(id []byte) string { return string(id[:min(len(id), loggedID)]) }

// idleLimit is how long a session may be silent: the setting, or what the keep
// alive that is in force allows. 0: for ever.
func idleLimit(setting time.Duration, keepAlive uint16) time.Duration {
	if setting > 0 || keepAlive == 0 {
		return setting
	}
	return time.Duration(keepAlive)*time.Second*3/2 + keepAliveGrace
}
