package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// pace holds the waits of a device. Each wait is jittered.
type pace struct {
	publish    time.Duration // between messages
	stay       time.Duration // the shortest life of a connection; the longest is twice that
	firstRetry time.Duration // after a connection has failed
	lastRetry  time.Duration // the longest wait: each retry doubles it up to here
}

// demoPace is slow enough for a person to follow.
var demoPace = pace{
	publish:    time.Second,
	stay:       10 * time.Second,
	firstRetry: 250 * time.Millisecond,
	lastRetry:  4 * time.Second,
}

// packetTimeout limits the wait of a device for an answer.
const packetTimeout = 5 * time.Second

// device is a typical MQTT client. It connects and publishes readings. It reconnects
// with exponential back-off when its connection breaks, and now and then without cause.
type device struct {
	id       string
	balancer net.Addr
	pace     pace
	reading  float64
}

// deviceNames returns n client identifiers.
func deviceNames(n int) []string {
	names := []string{
		"thermostat-kitchen", "sensor-01", "meter-basement", "lamp-hall",
		"lock-front-door", "pump-garden", "camera-garage", "valve-cellar",
	}
	for i := len(names); i < n; i++ {
		names = append(names, fmt.Sprintf("sensor-%02d", i-6))
	}
	return names[:n]
}

// run connects again and again until ctx is done.
func (d *device) run(ctx context.Context) {
	d.reading = 20
	retry := d.pace.firstRetry
	for ctx.Err() == nil {
		connected, err := d.session(ctx)
		if connected {
			retry = d.pace.firstRetry
		}
		if err == nil {
			continue
		}
		sleep(ctx, jittered(retry))
		retry = min(2*retry, d.pace.lastRetry)
	}
}

// session runs one connection. It returns an error if the connection fails, and nil if
// the device ends it.
func (d *device) session(ctx context.Context) (connected bool, err error) {
	conn, err := (&net.Dialer{Timeout: packetTimeout}).DialContext(ctx, d.balancer.Network(), d.balancer.String())
	if err != nil {
		return false, err
	}
	defer conn.Close()
	client := paho.NewClient(paho.ClientConfig{ClientID: d.id, Conn: conn, PacketTimeout: packetTimeout})
	if _, err := client.Connect(ctx, &paho.Connect{ClientID: d.id, KeepAlive: 30, CleanStart: true}); err != nil {
		return false, err
	}
	stay := time.NewTimer(d.pace.stay + rand.N(d.pace.stay+1)) //nolint:gosec // G404: jitter, no secret
	defer stay.Stop()
	publish := time.NewTimer(jittered(d.pace.publish))
	defer publish.Stop()
	for {
		select {
		case <-publish.C:
			publish.Reset(jittered(d.pace.publish))
			if _, err := client.Publish(ctx, d.next()); err != nil {
				return true, err
			}
		case <-client.Done():
			return true, fmt.Errorf("%s: the connection broke", d.id)
		case <-stay.C:
			return true, disconnect(client)
		case <-ctx.Done():
			return true, disconnect(client)
		}
	}
}

// next returns the message with the next reading.
func (d *device) next() *paho.Publish {
	d.reading += rand.Float64() - 0.5 //nolint:gosec // G404: a reading, no secret
	return &paho.Publish{Topic: "demo/" + d.id, Payload: fmt.Appendf(nil, "%.1f", d.reading)}
}

// disconnect sends a DISCONNECT and waits until the client has ended.
func disconnect(client *paho.Client) error {
	err := client.Disconnect(&paho.Disconnect{})
	<-client.Done()
	return err
}

// jittered returns a random time between 3/4 and 5/4 of d, so that devices that lost
// their broker together do not reconnect together.
func jittered(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1) //nolint:gosec // G404: jitter, no secret
}

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
