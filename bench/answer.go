//go:build linux

package bench

// handlePacket appends the answer to p. If open is false the connection must be closed.
func (b *Broker) handlePacket(c *brokerConn, p *packet, out []byte) (_ []byte, open bool) {
	if (p.first == typeConnect) == c.connected {
		b.stats.Malformed.Add(1) // a second CONNECT, or another packet before the first
		return out, false
	}
	switch p.first {
	case typeConnect:
		if len(p.body) < 2 || len(p.body) < 3+int(p.body[1]) || p.body[0] != 0 {
			b.stats.Malformed.Add(1)
			return out, false
		}
		c.connected = true
		b.stats.Connects.Add(1)
		if c.v5 = p.body[2+p.body[1]] == 5; c.v5 {
			return append(out, typeConnack, 3, 0, 0, 0), true
		}
		return append(out, typeConnack, 2, 0, 0), true
	case typePubrel:
		return appendAck(out, typePubcomp, p.id), true
	case typeSubscribe:
		return c.appendSuback(out, p), true
	case typeUnsubscribe:
		return c.appendUnsuback(out, p), true
	case typePingreq:
		return append(out, typePingresp, 0), true
	case typeDisconnect:
		return out, false
	}
	if p.first&0xf0 == typePublish {
		b.stats.Published.Add(1)
		switch p.qos() {
		case 1:
			return appendAck(out, typePuback, p.id), true
		case 2:
			return appendAck(out, typePubrec, p.id), true
		}
	}
	return out, true
}
