package main_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
	v3 "github.com/eclipse/paho.mqtt.golang/packets"
)

// device is a client that lives through the night: it publishes at QoS 1, and comes back whenever its
// session ends.
type device struct {
	id         string
	version    byte
	persistent bool
	every      time.Duration // between two messages, on average; 0: 200 ms

	// Valid when it lives no more.
	refused []string      // what it got in place of a CONNACK of success
	longest time.Duration // wait for a CONNACK
	acked   []string      // texts of PUBLISH
}

// live connects until ctx is done.
func (d *device) live(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		if err := d.session(ctx, addr); err != nil && ctx.Err() == nil {
			d.refused = append(d.refused, err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(50*time.Millisecond + rand.N(200*time.Millisecond)):
		}
	}
}

// session is one session of the device. It returns an error if there was none.
func (d *device) session(ctx context.Context, addr string) error {
	w, err := tryDialWire(addr, "")
	if err != nil {
		return err
	}
	defer w.Close()
	defer context.AfterFunc(ctx, func() { w.Close() })()
	w.version = d.version
	begun := time.Now()
	if _, err := w.Write(d.connectPacket()); err != nil {
		return err
	}
	code, err := w.connack()
	switch {
	case err != nil:
		return err
	case code != 0:
		return fmt.Errorf("code 0x%02X after %v", code, time.Since(begun).Round(time.Millisecond))
	}
	d.longest = max(d.longest, time.Since(begun))
	every := cmp.Or(d.every, 200*time.Millisecond)
	for n := uint16(1); ; n++ {
		_ = w.SetDeadline(time.Now().Add(patience))
		text := fmt.Sprintf("%s %d", d.id, time.Now().UnixNano())
		if w.publish(n, text) != nil || w.puback() != nil {
			return nil // the session has ended
		}
		d.acked = append(d.acked, text)
		_ = w.SetReadDeadline(time.Now().Add(every/2 + rand.N(every)))
		if _, err := w.in.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil // it has ended in the pause: nothing but a DISCONNECT would come
		}
	}
}

// connectPacket returns the device's CONNECT.
func (d *device) connectPacket() []byte {
	if !d.persistent {
		return connectPacket(d.version, d.id)
	}
	var b bytes.Buffer
	if d.version == 5 {
		expiry := uint32(3600)
		c := &v5.Connect{ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: d.id, Properties: &v5.Properties{SessionExpiryInterval: &expiry}}
		c.WriteTo(&b)
		return b.Bytes()
	}
	c := v3.NewControlPacket(v3.Connect).(*v3.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.ClientIdentifier = "MQTT", 4, d.id
	_ = c.Write(&b)
	return b.Bytes()
}

// publish sends a PUBLISH at QoS 1 with a text as its topic and payload.
func (w *wire) publish(id uint16, text string) error {
	if w.version == 5 {
		p := &v5.Publish{Topic: text, QoS: 1, PacketID: id, Payload: []byte(text), Properties: &v5.Properties{}}
		_, err := p.WriteTo(w)
		return err
	}
	p := v3.NewControlPacket(v3.Publish).(*v3.PublishPacket)
	p.TopicName, p.Qos, p.MessageID, p.Payload = text, 1, id, []byte(text)
	return p.Write(w)
}

// puback reads a PUBACK.
func (w *wire) puback() error {
	if w.version == 5 {
		p, err := v5.ReadPacket(w.in)
		if err != nil {
			return err
		}
		if _, ok := p.Content.(*v5.Puback); !ok {
			return fmt.Errorf("%T where a PUBACK was due", p.Content)
		}
		return nil
	}
	p, err := v3.ReadPacket(w.in)
	if err != nil {
		return err
	}
	if _, ok := p.(*v3.PubackPacket); !ok {
		return fmt.Errorf("%T where a PUBACK was due", p)
	}
	return nil
}
