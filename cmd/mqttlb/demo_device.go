package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// pace is how fast devices live; every wait but the first retry is jittered.
type pace struct {
	publish    time.Duration // between messages
	stay       time.Duration // on a connection, up to twice as long
	firstRetry time.Duration // after a connection has failed
	lastRetry  time.Duration // the retries double up to this
}

// demoPace is a pace that a person can follow.
var demoPace = pace{
	publish:    time.Second,
	stay:       10 * time.Second,
	firstRetry: 250 * time.Millisecond,
	lastRetry:  4 * time.Second,
}

// packetTimeout bounds a device's wait for an answer.
const packetTimeout = 5 * time.Second

// device is an MQTT client as they are in the field: it connects, publishes a
// reading now and then, comes back with a growing back-off when its connection
// breaks, and reconnects of its own accord after a while.
type device struct {
	id       string
	balancer net.Addr
	pace     pace
	reading  float64
}

// deviceNames are n client identifiers.
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

// run lives until ctx is done.
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

// session is one connection. An error means that it failed, as opposed to
// having lasted as long as it should.
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

// next is the message with the next reading.
func (d *device) next() *paho.Publish {
	d.reading += rand.Float64() - 0.5 //nolint:gosec // G404: a reading, no secret
	return &paho.Publish{Topic: "demo/" + d.id, Payload: fmt.Appendf(nil, "%.1f", d.reading)}
}

// disconnect says goodbye and waits until nothing of the client is left.
func disconnect(client *paho.Client) error {
	err := client.Disconnect(&paho.Disconnect{})
	<-client.Done()
	return err
}

// jittered is a time between 3/4 and 5/4 of this one: devices that lost their
// broker together do not come back together.
func jittered(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1) //nolint:gosec // G404: jitter, no secret
}

// sleep waits for this time, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
