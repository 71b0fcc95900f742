package opening

import (
	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/websocket"
)

// A Refusal is the reason why a session is refused: the outcome for the counters and the
// code for the client, which is sent in the client's version.
type Refusal struct {
	Outcome outcome.Outcome
	Code    mqttparse.ReasonCode // 0: close without an answer
	Close   websocket.CloseCode  // of the close frame; 0: the code of the outcome

	// Packet is the CONNACK that a node has refused the client with. It is sent in place of Code;
	// empty: there is none.
	Packet string
}

// Refuse returns the verdict for a client that the caller refuses: it exceeds a limit, or
// no node is left. It may also be called after Dial.
func (o *Opening) Refuse(r Refusal, sc *Scratch) Verdict { return o.refuse(r, "", sc) }

// refuse answers the client in its own version, or not at all where the specification has
// no answer.
func (o *Opening) refuse(r Refusal, fault string, sc *Scratch) Verdict {
	v := o.refuseSilently(r.Outcome, fault)
	var connack [16]byte
	packet := connack[:0]
	switch {
	case r.Packet != "":
		packet = append(packet, r.Packet...)
	case r.Code != 0:
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

// closeCode returns the code of the close frame after the refusal.
func (r Refusal) closeCode() websocket.CloseCode {
	if r.Close != 0 {
		return r.Close
	}
	switch r.Outcome {
	case outcome.Denied:
		return websocket.PolicyViolation
	case outcome.ConnectTooLarge:
		return websocket.MessageTooBig
	case outcome.ConnectTimeout:
		return websocket.GoingAway
	case outcome.RefusedConnections, outcome.RefusedReserve, outcome.RefusedRate, outcome.RefusedAddress, outcome.RefusedAddressRate,
		outcome.RefusedClientIDRate, outcome.Banned,
		outcome.NodesFull, outcome.NodeBusy, outcome.NoNode, outcome.DialFailed, outcome.UpgradeRefused,
		outcome.DescriptorsExceeded, outcome.PortsExceeded, outcome.NoSource:
		return websocket.TryAgainLater
	default:
		return websocket.ProtocolError
	}
}
