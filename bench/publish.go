//go:build linux

package bench

import (
	"encoding/binary"
	"time"
)

// publisher is the sending half of a client. Packet Identifiers are 1 to Inflight; an
// identifier is free again when its message is acknowledged.
type publisher struct {
	topic []byte
	sent  []int64  // by identifier-1: when the message was due; 0: no message
	free  []uint16 // free identifiers, the next one last
	owed  int      // messages due that could not be sent yet, in an open loop
	first int64    // when the oldest of them was due
}

func (p *publisher) inflight() int { return len(p.sent) - len(p.free) }

// Publish makes every connected client, and every client that connects later, publish by
// p, from the next Run on. In an open loop (p.Interval above 0) the clients are spread
// over the interval.
func (f *Fleet) Publish(p Publishing) error {
	if err := p.setDefaults(); err != nil {
		return err
	}
	f.pub = &p
	f.payload = make([]byte, p.Size)
	f.due, f.sent, f.inflight = fifo{}, 0, 0
	now := f.now()
	n := int64(0)
	for i := range f.clients {
		c := &f.clients[i]
		if c.fd < 0 || c.state != connected {
			continue
		}
		spread := int64(p.Interval) * n / int64(f.stats.Connected)
		n++
		f.startPublishing(c, now+spread)
		f.out = f.out[:0]
		f.pump(c, now)
		f.flush(c)
	}
	return nil
}

// Pause stops publishing; acknowledgements still arrive in the next Run. A later Publish
// starts anew.
func (f *Fleet) Pause() { f.pub = nil }

func (f *Fleet) startPublishing(c *client, first int64) {
	c.pub = publisher{topic: f.expand(f.pub.Topic, c)}
	if f.pub.QoS > 0 {
		c.pub.sent = make([]int64, f.pub.Inflight)
		for id := f.pub.Inflight; id > 0; id-- {
			c.pub.free = append(c.pub.free, uint16(id))
		}
	}
	if f.pub.Interval > 0 {
		f.due.push(timed{first, c.slot, c.generation})
	}
}

// publishDue sends the messages due in an open loop and returns when the next one is due.
func (f *Fleet) publishDue(now int64) int64 {
	if f.pub == nil {
		return never
	}
	for {
		t, ok := f.due.peek()
		if !ok {
			return never
		}
		if t.due > now {
			return t.due
		}
		f.due.pop()
		c := f.current(t)
		if c == nil {
			continue
		}
		if c.pub.owed == 0 {
			c.pub.first = t.due
		}
		c.pub.owed++
		t.due += int64(f.pub.Interval)
		f.due.push(t)
		f.out = f.out[:0]
		f.pump(c, now)
		f.flush(c)
	}
}

// pump appends to f.out the messages that c may publish now.
func (f *Fleet) pump(c *client, now int64) {
	if f.pub == nil || c.state != connected || c.pub.topic == nil || len(c.rest) > 0 {
		return
	}
	for f.pub.QoS == 0 || len(c.pub.free) > 0 {
		if f.pub.Limit > 0 && f.sent >= f.pub.Limit {
			return
		}
		due := now
		if f.pub.Interval > 0 {
			if c.pub.owed == 0 {
				return
			}
			due = c.pub.first
			c.pub.owed--
			c.pub.first += int64(f.pub.Interval)
		}
		f.publish(c, due)
	}
}

func (f *Fleet) publish(c *client, due int64) {
	flags := f.pub.QoS << 1
	if f.pub.Retain {
		flags |= 1
	}
	var id uint16
	if f.pub.QoS > 0 {
		last := len(c.pub.free) - 1
		id = c.pub.free[last]
		c.pub.free = c.pub.free[:last]
		c.pub.sent[id-1] = due
		f.inflight++
	}
	if f.pub.Stamp {
		wall := f.began.Add(time.Duration(due)).UnixNano()
		binary.BigEndian.PutUint64(f.payload, uint64(wall))
	}
	f.out = appendPublish(f.out, f.opt.Version, flags, c.pub.topic, id, f.payload)
	f.sent++
	f.stats.Published++
}

// acknowledged ends a message of QoS 1 or 2. It ignores unknown identifiers.
func (f *Fleet) acknowledged(c *client, id uint16, now int64) {
	i := int(id) - 1
	if i < 0 || i >= len(c.pub.sent) || c.pub.sent[i] == 0 {
		return
	}
	record(f.stats.Ack, now-c.pub.sent[i])
	c.pub.sent[i] = 0
	c.pub.free = append(c.pub.free, id)
	f.inflight--
	f.stats.Acked++
}
