//go:build linux

package bench

import (
	"encoding/binary"
	"fmt"
	"time"
)

// receive handles a chunk and sends all answers to it in one write.
func (f *Fleet) receive(c *client, chunk []byte) error {
	now := f.now()
	f.out = f.out[:0]
	var end error
	if c.tls != nil || c.ws != nil {
		chunk, end = f.unwrap(c, chunk)
	}
	for len(chunk) > 0 {
		var p packet
		var err error
		if p, chunk, err = c.framer.next(chunk, f.opt.Version == 5); err != nil {
			return err
		}
		if p.first == 0 {
			break
		}
		if err := f.handlePacket(c, &p, now); err != nil {
			return err
		}
		if c.fd < 0 {
			return nil
		}
	}
	if end != nil {
		f.out = f.out[:0] // no data may follow the answer to a Close (RFC 6455, 5.5.1)
	} else {
		f.pump(c, now)
	}
	f.flush(c)
	return end
}

func (f *Fleet) handlePacket(c *client, p *packet, now int64) error {
	if c.state == awaitingConnack {
		return f.connack(c, p, now)
	}
	switch p.first {
	case typePuback, typePubcomp:
		f.acknowledged(c, p.id, now)
	case typePubrec:
		f.out = appendAck(f.out, typePubrel, p.id)
	case typePubrel:
		f.out = appendAck(f.out, typePubcomp, p.id)
	case typeSuback:
		f.stats.Granted++
	case typeDisconnect:
		if len(p.body) > 0 {
			return fmt.Errorf("DISCONNECT with reason code 0x%02x", p.body[0])
		}
		return errClosed
	}
	if p.first&0xf0 == typePublish {
		f.stats.Received++
		if f.sub != nil && f.sub.Stamp && len(p.payload) == stampSize {
			due := int64(binary.BigEndian.Uint64(p.payload))
			record(f.stats.Delivery, time.Now().UnixNano()-due)
		}
		switch p.qos() {
		case 1:
			f.out = appendAck(f.out, typePuback, p.id)
		case 2:
			f.out = appendAck(f.out, typePubrec, p.id)
		}
	}
	return nil
}

func (f *Fleet) connack(c *client, p *packet, now int64) error {
	if p.first != typeConnack || len(p.body) < 2 {
		return errGreeted
	}
	if code := p.body[1]; code != 0 {
		return refusal(code)
	}
	f.opening--
	f.stats.Connects++
	record(f.stats.Connect, now-c.began)
	if f.opt.Churn {
		f.drop(c)
		f.unused = append(f.unused, c.slot)
		return nil
	}
	c.state = connected
	f.stats.Connected++
	if f.pingGap > 0 {
		f.pings.push(timed{f.pingAfter(now), c.slot, c.generation})
	}
	if f.sub != nil {
		f.out = appendSubscribe(f.out, f.opt.Version, subscribeID, f.expand(f.sub.Filter, c), f.sub.QoS)
	}
	if f.pub != nil {
		f.startPublishing(c, now+int64(f.pub.Interval))
	}
	return nil
}

// subscribeID is above the identifiers of a publisher.
const subscribeID = 65535

// unwrap removes TLS and the WebSocket from b. The result is valid until the next call. It
// may return an error together with bytes that arrived before.
func (f *Fleet) unwrap(c *client, b []byte) (_ []byte, end error) {
	if c.tls != nil {
		b, end = c.tls.open(b, f.plain[:0])
		f.plain = b
	}
	if c.ws != nil && len(b) > 0 {
		var err error
		if b, err = f.unframe(c, b); err != nil {
			return b, err
		}
	}
	return b, end
}
