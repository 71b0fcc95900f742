package opening

import (
	"errors"
	"fmt"

	"mqttlb/mqttparse"
	"mqttlb/proxy/match"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
	"mqttlb/proxy/tlv"
)

// readConnect parses the CONNECT at the start of b into c, by the rules of the listener.
// The error is mqttparse.ErrShort if more bytes are needed. For any other error the
// Refusal has the outcome and the code. Version and Tolerated are then set.
func (o *Opening) readConnect(b []byte, c *mqttparse.Connect) (Refusal, error) {
	parse := (*mqttparse.Connect).Parse
	if o.listener.Tolerant {
		parse = (*mqttparse.Connect).ParseTolerant
	}
	_, err := parse(c, b, o.snapshot.MaxConnectSize)
	o.Version = c.Version
	switch err {
	case nil:
		o.Tolerated = c.Tolerated
		return Refusal{}, nil
	case mqttparse.ErrShort:
		return Refusal{}, err
	}
	var malformed *mqttparse.Malformed
	if !errors.As(err, &malformed) {
		return Refusal{Outcome: outcome.MalformedConnect}, err
	}
	var why outcome.Outcome
	switch malformed.Code {
	case mqttparse.UnsupportedProtocolVersion:
		why = outcome.UnsupportedVersion
	case mqttparse.ClientIdentifierNotValid:
		why = outcome.IdentifierRejected
	case mqttparse.PacketTooLarge:
		why = outcome.ConnectTooLarge
	default:
		why = outcome.MalformedConnect
	}
	if c.Version == 0 && why != outcome.ConnectTooLarge {
		why = outcome.NotMQTT
	}
	return Refusal{Outcome: why, Code: malformed.Code}, err
}

// readPacket reads the CONNECT of a client that does not use WebSocket.
func (o *Opening) readPacket(sc *Scratch) Verdict {
	if len(o.bytes) == 0 {
		return o.needMore()
	}
	refusal, err := o.readConnect(o.bytes, &sc.connect)
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
	v := Verdict{Kind: Admit}
	if !o.listener.Opaque() {
		v.Connect = &sc.connect
	}
	if len(o.listener.Rules) > 0 {
		facts := o.facts(v.Connect)
		v.Rule, v.RuleNumber = o.listener.Rules.First(&facts)
	}
	return v
}

// facts returns what is known of the client, as conditions are about it. connect is nil if clients send no CONNECT.
func (o *Opening) facts(connect *mqttparse.Connect) match.Facts {
	f := match.Facts{Address: o.Source.Addr(), ServerName: o.serverName, TLS: o.TLS, Connect: connect}
	if o.TLS != nil {
		f.ServerName = o.TLS.ServerName
	}
	return f
}

// Deny returns the verdict for a client that a rule refuses.
func (o *Opening) Deny(r *snapshot.Rule, sc *Scratch) Verdict {
	return o.refuse(Refusal{Outcome: outcome.Denied, Code: r.Code}, "", sc)
}

// chooseKey finds the pool of the session and its key there.
func (o *Opening) chooseKey(sc *Scratch) Verdict {
	connect := &sc.connect
	if o.listener.Opaque() {
		connect = nil
	} else if t := o.listener.TLS; t != nil && !t.Identity.Allows(o.TLS, connect) {
		return o.refuse(Refusal{Outcome: outcome.IdentityMismatch, Code: mqttparse.NotAuthorized}, t.Identity.Mismatch(o.TLS, connect), sc)
	}
	pool := o.choosePool(connect)
	if pool == nil {
		return o.refuse(Refusal{Outcome: outcome.NoNode, Code: mqttparse.ServerUnavailable}, "no route takes the client", sc)
	}
	if err := o.checkFront(pool); err != nil {
		return o.refuseSilently(outcome.BadProxyHeader, err.Error())
	}
	o.stage = atEnd
	v := Verdict{Kind: Dial, Pool: pool}
	v.Key, v.Keyed = SessionKey(pool, connect, o.Source.Addr(), o.TLS)
	if o.frames != nil && !pool.WebSocket {
		o.unframe()
	}
	return v
}

// choosePool chooses the pool of the session by the routes of the listener; nil: there is none.
func (o *Opening) choosePool(c *mqttparse.Connect) *snapshot.Pool {
	if o.frames == nil && len(o.listener.Routes) == 0 {
		return o.listener.Pool
	}
	facts := o.facts(c)
	if o.frames != nil {
		return o.frames.accepted.poolFor(facts)
	}
	if r := o.listener.ConnectionRoute(facts); r != nil {
		return r.Pool
	}
	return o.listener.Pool
}

// checkFront checks the session of a client's TLS that its pool passes on. A node may take the Common
// Name for the user, so a client without the name is not let in where the proxy has one.
func (o *Opening) checkFront(p *snapshot.Pool) error {
	if o.Front == nil || o.TLS != nil || p.ForwardTLVs&tlv.SSL == 0 || !o.Front.Secure {
		return nil
	}
	err := tlsterm.CheckCommonName(o.Front.Session.CommonName)
	if err == nil {
		err = o.Front.Session.CheckSize()
	}
	if err != nil {
		return fmt.Errorf("PROXY v2: forward_tlvs of pool %q cannot pass on ssl: %w", p.Name, err)
	}
	return nil
}
