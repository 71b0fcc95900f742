package main_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// publisher is a client of a library, which connects again by itself.
type publisher struct {
	id      string
	publish func(ctx context.Context, text string) error // at QoS 1, until it is acknowledged
	refused atomic.Int32                                 // CONNECTs in vain
	longest atomic.Int64                                 // wait for a CONNACK, in ns
	acked   []string                                     // texts; valid when it lives no more
}

// tried returns functions to call before a CONNECT and after its CONNACK, which note the longest wait.
func (p *publisher) tried() (begin, end func()) {
	var begun atomic.Int64
	return func() { begun.Store(time.Now().UnixNano()) }, func() {
		p.longest.Store(max(p.longest.Load(), time.Now().UnixNano()-begun.Load()))
	}
}

// publishV3 starts a publisher of MQTT 3.1.1.
func publishV3(t *testing.T, addr, id string) *publisher {
	t.Helper()
	p := &publisher{id: id}
	begin, end := p.tried()
	options := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetProtocolVersion(4).
		SetConnectTimeout(patience).SetMaxReconnectInterval(time.Second).
		SetConnectionAttemptHandler(func(_ *url.URL, c *tls.Config) *tls.Config { begin(); return c }).
		SetReconnectingHandler(func(mqtt.Client, *mqtt.ClientOptions) { p.refused.Add(1) }).
		SetOnConnectHandler(func(mqtt.Client) { end(); p.refused.Add(-1) })
	p.refused.Store(1) // the first CONNECT is no reconnect
	c := mqtt.NewClient(options)
	await(t, c.Connect(), "CONNECT of "+id)
	t.Cleanup(func() { c.Disconnect(0) })
	p.publish = func(ctx context.Context, text string) error {
		token := c.Publish(text, 1, false, text)
		select {
		case <-token.Done():
			return token.Error()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
			return errors.New("no PUBACK")
		}
	}
	return p
}

// publishV5 starts a publisher of MQTT 5.
func publishV5(t *testing.T, addr, id string) *publisher {
	t.Helper()
	p := &publisher{id: id}
	begin, end := p.tried()
	ctx, cancel := context.WithCancel(t.Context())
	c, err := autopaho.NewConnection(ctx, autopaho.ClientConfig{
		ServerUrls: []*url.URL{{Scheme: "mqtt", Host: addr}}, KeepAlive: 30, ConnectTimeout: patience,
		CleanStartOnInitialConnection: true, SessionExpiryInterval: 3600,
		ReconnectBackoff: autopaho.NewConstantBackoff(200 * time.Millisecond),
		AttemptConnection: func(ctx context.Context, _ autopaho.ClientConfig, u *url.URL) (net.Conn, error) {
			begin()
			return new(net.Dialer).DialContext(ctx, "tcp", u.Host)
		},
		OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) { end() },
		OnConnectError: func(error) {
			if ctx.Err() == nil {
				p.refused.Add(1)
			}
		},
		ClientConfig: paho.ClientConfig{ClientID: id},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-c.Done() })
	p.publish = func(ctx context.Context, text string) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := c.AwaitConnection(ctx); err != nil {
			return err
		}
		_, err := c.Publish(ctx, &paho.Publish{Topic: text, QoS: 1, Payload: []byte(text)})
		return err
	}
	return p
}

// live publishes until ctx is done.
func (p *publisher) live(ctx context.Context, every time.Duration) {
	for n := 0; ctx.Err() == nil; n++ {
		text := fmt.Sprintf("%s %d", p.id, n)
		if p.publish(ctx, text) == nil {
			p.acked = append(p.acked, text)
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}
