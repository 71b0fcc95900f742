//go:build linux

package bench

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	mqtt3 "github.com/eclipse/paho.mqtt.golang"
	"github.com/pires/go-proxyproto"
)

// gone waits until the broker has no connection. The broker counts in its own goroutine.
func gone(t *testing.T, b *Broker) {
	t.Helper()
	deadline := time.After(testTimeout)
	for b.Stats().Open.Load() > 0 {
		select {
		case <-deadline:
			t.Fatalf("%d connections are still open", b.Stats().Open.Load())
		case <-time.After(time.Millisecond):
		}
	}
}

func TestPahoClientForMQTT3IsServed(t *testing.T) {
	b := serveBroker(t)
	for _, version := range []uint{3, 4} {
		c := mqtt3.NewClient(mqtt3.NewClientOptions().AddBroker("tcp://" + b.Addrs()[0].String()).
			SetClientID("paho").SetUsername("u").SetPassword("p").SetProtocolVersion(version).SetAutoReconnect(false))
		wait := func(step string, token mqtt3.Token) {
			t.Helper()
			if !token.WaitTimeout(testTimeout) || token.Error() != nil {
				t.Fatalf("version %d: %s: %v", version, step, token.Error())
			}
		}
		wait("connect", c.Connect())
		wait("publish QoS 1", c.Publish("a/b", 1, false, []byte("one")))
		wait("publish QoS 2", c.Publish("a/b", 2, false, bytes.Repeat([]byte("x"), 100_000)))
		wait("subscribe", c.SubscribeMultiple(map[string]byte{"a/#": 1, "b": 0}, nil))
		wait("unsubscribe", c.Unsubscribe("a/#", "b"))
		c.Disconnect(0)
	}
	gone(t, b)
	if n := b.Stats().Malformed.Load(); n != 0 {
		t.Errorf("%d connections counted as malformed", n)
	}
}

func TestPahoClientForMQTT5IsServed(t *testing.T) {
	ctx := testContext(t)
	b := serveBroker(t)
	conn, err := net.Dial("tcp", b.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	c := paho.NewClient(paho.ClientConfig{Conn: conn})
	if ack, err := c.Connect(ctx, &paho.Connect{ClientID: "paho5", KeepAlive: 30, CleanStart: true}); err != nil || ack.ReasonCode != 0 {
		t.Fatalf("connect: %+v, %v", ack, err)
	}
	for qos := byte(1); qos <= 2; qos++ {
		p := &paho.Publish{Topic: "a/b", QoS: qos, Payload: []byte("x"), Properties: &paho.PublishProperties{ContentType: "text"}}
		if r, err := c.Publish(ctx, p); err != nil || r.ReasonCode != 0 {
			t.Fatalf("publish QoS %d: %+v, %v", qos, r, err)
		}
	}
	if _, err := c.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "a/#"}, {Topic: "b"}}}); err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	if _, err := c.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{"a/#", "b"}}); err != nil {
		t.Fatalf("unsubscribe: %v", err)
	}
	if err := c.Disconnect(&paho.Disconnect{}); err != nil {
		t.Fatalf("disconnect: %v", err)
	}
	gone(t, b)
}

// send opens a connection and sends pieces.
func send(t *testing.T, b *Broker, pieces ...[]byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if _, err := conn.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// talk sends pieces and returns the answer, up to the broker's close.
func talk(t *testing.T, b *Broker, pieces ...[]byte) []byte {
	t.Helper()
	conn := send(t, b, pieces...)
	defer conn.Close()
	var got []byte
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		got = append(got, buf[:n]...)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Fatalf("not closed; got % x", got)
		}
		if err != nil {
			return got // the broker closes with a RST
		}
	}
}

func TestProxyHeaderMayComeByteByByteBeforeTheConnect(t *testing.T) {
	b := serveBroker(t)
	from, to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 1883}
	for _, version := range []byte{1, 2} {
		header, err := proxyproto.HeaderProxyFromAddrs(version, from, to).Format()
		if err != nil {
			t.Fatal(err)
		}
		c := connect{version: 4, clientID: []byte("c"), cleanStart: true}
		conn := send(t, b, slices.Collect(slices.Chunk(append(c.append(header), typePingreq, 0), 1))...)
		defer conn.Close()
		want := []byte{typeConnack, 2, 0, 0, typePingresp, 0}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("v%d: got % x, %v", version, got, err)
		}
	}
	if n := b.Stats().Proxied.Load(); n != 2 {
		t.Errorf("%d connections counted as proxied", n)
	}
}

func TestWhatIsNotMQTTIsClosed(t *testing.T) {
	b := serveBroker(t)
	c := connect{version: 4, clientID: []byte("c"), cleanStart: true}
	for name, first := range map[string][]byte{
		"HTTP":                 []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + string(make([]byte, 64))),
		"PINGREQ first":        {typePingreq, 0},
		"empty CONNECT":        {typeConnect, 0},
		"CONNECT cut short":    {typeConnect, 4, 0, 4, 'M', 'Q'},
		"two CONNECTs":         c.append(c.append(nil)),
		"200 MB CONNECT":       {typeConnect, 0x80, 0x80, 0x80, 0x64, 0},
		"endless PROXY v1":     append([]byte("PROXY "), make([]byte, 200)...),
		"PUBLISH cut short":    append(c.append(nil), 0x32, 1, 0),
		"DISCONNECT is polite": append(c.append(nil), typeDisconnect, 0),
	} {
		got := talk(t, b, first)
		if len(got) > 0 && got[0] != typeConnack {
			t.Errorf("%s: answered % x", name, got)
		}
	}
	gone(t, b)
	if n := b.Stats().Malformed.Load(); n != 8 {
		t.Errorf("%d connections counted as malformed, want 8", n)
	}
}

func TestListeningTwiceOnOnePortIsAnError(t *testing.T) {
	b := serveBroker(t)
	if again, err := ListenBroker(b.Addrs()[0].String()); err == nil {
		again.Close()
		t.Error("no error")
	}
	if again, err := ListenBroker("localhost:1"); err == nil {
		again.Close()
		t.Error("no error for a name")
	}
}

func TestBrokerHoldsBackWhatASlowReaderDoesNotTake(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	b := serveBroker(t)
	conn, err := net.Dial("tcp", b.Addrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := connect{version: 4, clientID: []byte("slow"), cleanStart: true}
	const n = 2_000_000
	sent := make(chan error, 1)
	go func() { // ends when all is written; the reading below makes room
		_, err := conn.Write(append(c.append(nil), bytes.Repeat([]byte{typePingreq, 0}, n)...))
		sent <- err
	}()
	select {
	case err := <-sent:
		if err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal("the broker stopped reading")
	}
	got := make([]byte, 4+2*n)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if want := append([]byte{typeConnack, 2, 0, 0}, bytes.Repeat([]byte{typePingresp, 0}, n)...); !bytes.Equal(got, want) {
		t.Error("the answers are not those that were due")
	}
}
