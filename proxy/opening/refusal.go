package opening

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// A Refusal is why a session is not taken: the outcome that is counted and the
// code that the client is told, in its own version.
type Refusal struct {
	Outcome outcome.Outcome
	Code    mqttparse.ReasonCode // 0: closed without a word
	Close   websocket.CloseCode  // of the close frame; 0: that of the outcome
}

// Refuse is the verdict on a client that the caller does not take: over a limit, or because
// no node is left. It may also be called after Dial.
func (o *Opening) Refuse(r Refusal, sc *Scratch) Verdict { return o.refuse(r, "", sc) }

// refuse tells the client in its own version, and nothing where the specification knows
// no answer.
func (o *Opening) refuse(r Refusal, fault string, sc *Scratch) Verdict {
	v := o.end(r.Outcome, fault)
	var connack [16]byte
	packet := connack[:0]
	if r.Code != 0 {
		packet = mqttparse.AppendRefusal(packet, o.Version, r.Code)
	}
	reply := sc.reply[:0]
	switch {
	case o.frames == nil:
		reply = append(reply, packet...)
	case len(packet) > 0:
		reply = websocket.AppendFrame(reply, websocket.Binary, packet)
		fallthrough
	default:
		reply = websocket.AppendClose(reply, r.closeCode(), r.Outcome.String())
	}
	v.Reply, sc.reply = reply, reply
	return v
}

// closeCode is the code of the close frame that follows a refusal.
func (r Refusal) closeCode() websocket.CloseCode {
	if r.Close != 0 {
		return r.Close
	}
	switch r.Outcome {
	case outcome.ConnectTooLarge:
		return websocket.MessageTooBig
	case outcome.ConnectTimeout:
		return websocket.GoingAway
	case outcome.RefusedConnections, outcome.RefusedRate, outcome.RefusedAddress, outcome.RefusedAddressRate,
		outcome.NodesFull, outcome.NoNode, outcome.DialFailed, outcome.UpgradeRefused,
		outcome.DescriptorsExceeded, outcome.PortsExceeded:
		return websocket.TryAgainLater
	default:
		return websocket.ProtocolError
	}
}
