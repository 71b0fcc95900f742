package main_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	v5 "github.com/eclipse/paho.golang/packets"
	v3 "github.com/eclipse/paho.mqtt.golang/packets"
)

// wire is a client whose every packet the test controls. The paho libraries encode and
// decode its packets.
type wire struct {
	net.Conn
	in      *bufio.Reader
	version byte
}

// dialer dials from an address of loopback, "" for any.
func dialer(from string) *net.Dialer {
	d := &net.Dialer{Timeout: patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return d
}

// dialWire opens a connection; every read and write on it ends within patience.
func dialWire(t *testing.T, addr, from string) *wire {
	t.Helper()
	w, err := tryDialWire(addr, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func tryDialWire(addr, from string) (*wire, error) {
	conn, err := dialer(from).Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(patience))
	return &wire{Conn: conn, in: bufio.NewReaderSize(conn, 256)}, nil
}

// connectPacket returns a CONNECT of version 3, 4 or 5 with a clean session and no keep
// alive.
func connectPacket(version byte, clientID string) []byte {
	var b bytes.Buffer
	if version == 5 {
		c := &v5.Connect{ProtocolName: "MQTT", ProtocolVersion: 5, CleanStart: true, ClientID: clientID}
		c.WriteTo(&b)
		return b.Bytes()
	}
	c := v3.NewControlPacket(v3.Connect).(*v3.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion = "MQTT", version
	if version == 3 {
		c.ProtocolName = "MQIsdp"
	}
	c.CleanSession, c.ClientIdentifier = true, clientID
	c.Write(&b)
	return b.Bytes()
}

// connect sends a CONNECT and returns the code of the CONNACK.
func (w *wire) connect(version byte, clientID string) (code byte, err error) {
	w.version = version
	if _, err := w.Write(connectPacket(version, clientID)); err != nil {
		return 0, err
	}
	return w.connack()
}

// connack reads the answer to a CONNECT.
func (w *wire) connack() (code byte, err error) {
	if w.version == 5 {
		p, err := v5.ReadPacket(w.in)
		if err != nil {
			return 0, err
		}
		c, ok := p.Content.(*v5.Connack)
		if !ok {
			return 0, fmt.Errorf("%T where a CONNACK was due", p.Content)
		}
		return c.ReasonCode, nil
	}
	p, err := v3.ReadPacket(w.in)
	if err != nil {
		return 0, err
	}
	c, ok := p.(*v3.ConnackPacket)
	if !ok {
		return 0, fmt.Errorf("%T where a CONNACK was due", p)
	}
	return c.ReturnCode, nil
}

// ping sends a PINGREQ and waits for the PINGRESP. Both are the same in every version.
func (w *wire) ping() error {
	if _, err := w.Write([]byte{0xC0, 0}); err != nil {
		return err
	}
	var answer [2]byte
	if _, err := io.ReadFull(w.in, answer[:]); err != nil {
		return err
	}
	if answer != [2]byte{0xD0, 0} {
		return fmt.Errorf("% x where a PINGRESP was due", answer)
	}
	return nil
}

// waitClosed reads until the other side has closed, and then closes. It fails if the
// other side does not close.
func (w *wire) waitClosed(t *testing.T) {
	t.Helper()
	defer w.Close()
	if _, err := io.Copy(io.Discard, w.in); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the connection was not closed within %v", patience)
	}
}

// join opens a session that a node accepts.
func join(t *testing.T, addr, from string, version byte, clientID string) *wire {
	t.Helper()
	w, err := tryJoin(addr, from, version, clientID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func tryJoin(addr, from string, version byte, clientID string) (*wire, error) {
	w, err := tryDialWire(addr, from)
	if err != nil {
		return nil, err
	}
	if err := w.open(version, clientID); err != nil {
		return nil, err
	}
	return w, nil
}

// open opens a session. If that fails it closes the connection.
func (w *wire) open(version byte, clientID string) error {
	code, err := w.connect(version, clientID)
	if err == nil && code != 0 {
		err = fmt.Errorf("refused with code 0x%02x", code)
	}
	if err != nil {
		w.Close()
		return fmt.Errorf("CONNECT of %s: %w", clientID, err)
	}
	return nil
}

// subscribe asks for a topic at QoS 0 and waits for the SUBACK; version 3 or 4.
func (w *wire) subscribe(t *testing.T, topic string) {
	t.Helper()
	s := v3.NewControlPacket(v3.Subscribe).(*v3.SubscribePacket)
	s.MessageID, s.Topics, s.Qoss = 1, []string{topic}, []byte{0}
	if err := s.Write(w); err != nil {
		t.Fatal(err)
	}
	p, err := v3.ReadPacket(w.in)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.(*v3.SubackPacket); !ok {
		t.Fatalf("%T where a SUBACK was due", p)
	}
}

// publishPacket reads the next packet, which must be a PUBLISH; version 3 or 4.
func (w *wire) publishPacket(t *testing.T) *v3.PublishPacket {
	t.Helper()
	p, err := v3.ReadPacket(w.in)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := p.(*v3.PublishPacket)
	if !ok {
		t.Fatalf("%T where a PUBLISH was due", p)
	}
	return m
}

// disconnect sends a DISCONNECT and closes.
func (w *wire) disconnect(t *testing.T) {
	t.Helper()
	if _, err := w.Write([]byte{0xE0, 0}); err != nil {
		t.Fatal(err)
	}
	w.waitClosed(t)
}
