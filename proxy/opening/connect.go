package opening

import (
	"errors"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// readConnect parses the CONNECT at the start of b into c. The error is
// mqttparse.ErrShort if more bytes are needed. For any other error the Refusal has the
// outcome and the code, and c.Version is the version of the answer.
func readConnect(b []byte, c *mqttparse.Connect, maxSize int) (Refusal, error) {
	_, err := c.Parse(b, maxSize)
	if err == nil || err == mqttparse.ErrShort {
		return Refusal{}, err
	}
	var malformed *mqttparse.Malformed
	if !errors.As(err, &malformed) {
		return Refusal{Outcome: outcome.MalformedConnect}, err
	}
	var o outcome.Outcome
	switch malformed.Code {
	case mqttparse.UnsupportedProtocolVersion:
		o = outcome.UnsupportedVersion
	case mqttparse.ClientIdentifierNotValid:
		o = outcome.IdentifierRejected
	case mqttparse.PacketTooLarge:
		o = outcome.ConnectTooLarge
	default:
		o = outcome.MalformedConnect
	}
	if c.Version == 0 && o != outcome.ConnectTooLarge {
		o = outcome.NotMQTT
	}
	return Refusal{Outcome: o, Code: malformed.Code}, err
}

// readPacket reads the CONNECT of a client that does not use WebSocket.
func (o *Opening) readPacket(sc *Scratch) Verdict {
	if len(o.bytes) == 0 {
		return o.needMore()
	}
	refusal, err := readConnect(o.bytes, &sc.connect, o.snapshot.MaxConnectSize)
	o.Version = sc.connect.Version
	switch err {
	case nil:
		o.stage = atLimits
		return Verdict{}
	case mqttparse.ErrShort:
		return o.needMore()
	}
	v, undecided := o.refuseConnect(o.bytes, refusal, err, sc)
	if undecided {
		return o.needMore()
	}
	return v
}

// connectType is the packet type of a CONNECT, in the first four bits.
const connectType = 1

// refuseConnect refuses a client whose first packet, at the start of b, is wrong. undecided means that b is too short to
// tell another protocol from a packet of MQTT.
func (o *Opening) refuseConnect(b []byte, r Refusal, err error, sc *Scratch) (v Verdict, undecided bool) {
	if r.Outcome == outcome.NotMQTT {
		f, undecided := Identify(b, ForeignMQTT)
		if undecided {
			return Verdict{}, true
		}
		if f != ForeignUnknown || b[0]>>4 != connectType {
			return o.RefuseForeign(f, err.Error(), sc), false
		}
	}
	return o.refuse(r, err.Error(), sc), false
}

// askAdmit asks the caller to apply the limits to a client whose first bytes are
// complete.
func (o *Opening) askAdmit(sc *Scratch) Verdict {
	o.stage = atKey
	if o.listener.Opaque() {
		return Verdict{Kind: Admit}
	}
	return Verdict{Kind: Admit, Connect: &sc.connect}
}

// chooseKey finds the key of the session in its pool.
func (o *Opening) chooseKey(sc *Scratch) Verdict {
	connect := &sc.connect
	if o.listener.Opaque() {
		connect = nil
	} else if t := o.listener.TLS; t != nil && !t.Identity.Allows(o.TLS, connect) {
		return o.Refuse(Refusal{Outcome: outcome.IdentityMismatch, Code: mqttparse.NotAuthorized}, sc)
	}
	o.stage = atEnd
	v := Verdict{Kind: Dial, Pool: o.pool}
	v.Key, v.Keyed = SessionKey(o.pool, connect, o.Source.Addr(), o.TLS)
	if o.frames != nil && !o.pool.WebSocket {
		o.unframe()
	}
	return v
}
