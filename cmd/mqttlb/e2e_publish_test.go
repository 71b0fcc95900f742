package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttlb/proxy/proxytest"
)

const oneBroker = `
listeners:
  - {name: mqtt, address: "${mqtt}", protocol: mqtt, pool: brokers}
pools:
  - name: brokers
    health: {probe: none}
    nodes:
`

func TestMosquittosClientsOfEveryVersionPublishAndSubscribe(t *testing.T) {
	t.Parallel()
	sub := proxytest.Program(t, "/usr/bin/mosquitto_sub")
	pub := proxytest.Program(t, "/usr/bin/mosquitto_pub")
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker))

	for _, version := range []struct{ flag, name string }{
		{"mqttv31", "3.1"}, {"mqttv311", "3.1.1"}, {"mqttv5", "5"},
	} {
		t.Run(version.flag, func(t *testing.T) {
			args := append(hostPort(b.addrs["mqtt"]), "-V", version.flag, "-q", "1", "-t", "greetings/"+version.flag)
			id := "sub-" + version.flag
			subscriber := start(t, id, exec.Command(sub, append(args, "-i", id, "-C", "1")...))
			broker.waitFor(t, "Sending SUBACK to "+id)
			out, err := exec.Command(pub, append(args, "-i", "pub-"+version.flag, "-m", "hello from "+version.name)...).CombinedOutput()
			if err != nil {
				t.Fatalf("mosquitto_pub: %v\n%s", err, out)
			}
			subscriber.waitFor(t, "hello from "+version.name)
			if code := subscriber.exitCode(t); code != 0 {
				t.Errorf("mosquitto_sub ended with %d", code)
			}
			for _, s := range b.sessionsEnded(t, 2, version.flag) {
				if s.Version != version.name {
					t.Errorf("the log says version %q, want %q", s.Version, version.name)
				}
			}
		})
	}
}

func TestPahosClientsPublishAndSubscribe(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker))
	for _, version := range []byte{4, 5} {
		t.Run(versionName(version), func(t *testing.T) {
			subscriber := connectClient(t, version, clientConfig{addr: b.addrs["mqtt"], id: fmt.Sprintf("sub-%d", version)})
			publisher := connectClient(t, version, clientConfig{addr: b.addrs["mqtt"], id: fmt.Sprintf("pub-%d", version)})
			topic := fmt.Sprintf("paho/%d", version)
			subscriber.subscribe(t, topic)
			for i := range 20 {
				want := fmt.Sprintf("message %d", i)
				publisher.publish(t, topic, []byte(want))
				if got := receive(t, subscriber); got.topic != topic || string(got.payload) != want {
					t.Fatalf("got %q on %q, want %q on %q", got.payload, got.topic, want, topic)
				}
			}
		})
	}
}

// One session carries 100 MB to the broker and the same 100 MB back.
func TestAHundredMegabytesArriveUnchangedInBothDirections(t *testing.T) {
	t.Parallel()
	const count, size = 100, 1_000_000
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker))
	echo(t, b, connectV3(t, clientConfig{addr: b.addrs["mqtt"], id: "echo"}), count, size)
}

// echo makes the client publish to itself, and compares. The identifier is echo.
func echo(t *testing.T, b *balancer, c *clientV3, count, size int) {
	t.Helper()
	c.subscribe(t, "echo")
	random := rand.NewChaCha8([32]byte{1})
	sent, received := sha256.New(), sha256.New()
	var tokens []mqtt.Token
	for range count {
		payload := make([]byte, size)
		random.Read(payload)
		sent.Write(payload)
		tokens = append(tokens, c.Publish("echo", 1, false, payload))
	}
	for range count {
		received.Write(receive(t, c).payload)
	}
	for _, token := range tokens {
		await(t, token, "PUBLISH")
	}
	if !bytes.Equal(digest(sent), digest(received)) {
		t.Errorf("sent %x, received %x", digest(sent), digest(received))
	}
	c.disconnect(t)
	s := b.sessionsEnded(t, 1, `"echo"`)[0]
	if least := min(s.Received, s.Sent); least < int64(count*size) {
		t.Errorf("the log says %d bytes from the client and %d to it, want at least %d each", s.Received, s.Sent, count*size)
	}
}

func digest(h hash.Hash) []byte { return h.Sum(nil) }

// Many subscribers stop reading while 40 MB are published. Another one gets every byte,
// and the memory that mqttlb uses for the others is limited.
func TestASlowSubscriberSlowsNobodyAndCostsLittle(t *testing.T) {
	t.Parallel()
	const slow, count, size = 40, 400, 100_000
	broker := startMosquitto(t, "a")
	b := serve(t, oneBroker+nodes(broker))
	for _, id := range ids("slow", slow) {
		join(t, b.addrs["mqtt"], "", 4, id).subscribe(t, "news") // reads nothing from here on
	}
	subscriber := connectClient(t, 5, clientConfig{addr: b.addrs["mqtt"], id: "fast"})
	subscriber.subscribe(t, "news")
	publisher := connectClient(t, 5, clientConfig{addr: b.addrs["mqtt"], id: "publisher"})

	before := b.residentBytes(t)
	payload := make([]byte, size)
	for i := range count {
		payload[0], payload[1] = byte(i), byte(i>>8)
		publisher.publish(t, "news", payload)
		if got := receive(t, subscriber).payload; !slices.Equal(got, payload) {
			t.Fatalf("message %d: got %d bytes that differ", i, len(got))
		}
	}
	grown := b.residentBytes(t) - before

	// One scratch buffer of 128 KiB for each of them, doubled for the garbage collector,
	// and some memory for the other sessions.
	limit := slow*2*(128<<10) + 16<<20
	if raceEnabled() {
		limit *= 8 // the detector keeps shadow memory of every word
	}
	if grown > limit {
		t.Errorf("mqttlb has grown by %d KiB for %d slow subscribers, want at most %d", grown>>10, slow, limit>>10)
	}
}

// A client that pauses its reading loses no message, and gets all in order.
func TestASubscriberThatPausesLosesNothing(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a", "max_queued_messages 0", "max_inflight_messages 0")
	b := serve(t, oneBroker+nodes(broker))
	publisher := connectClient(t, 4, clientConfig{addr: b.addrs["mqtt"], id: "publisher"})
	paused := join(t, b.addrs["mqtt"], "", 4, "paused")
	paused.readsLate(t, publisher)
}

// readsLate subscribes, and reads only when publisher has sent everything.
func (w *wire) readsLate(t *testing.T, publisher client) {
	t.Helper()
	const count, size = 150, 100_000 // more than the socket buffers on the way can hold
	w.subscribe(t, "news")
	payload := make([]byte, size)
	for i := range count {
		payload[0] = byte(i)
		publisher.publish(t, "news", payload)
	}
	w.SetDeadline(time.Now().Add(patience))
	for i := range count {
		if m := w.publishPacket(t); len(m.Payload) != size || m.Payload[0] != byte(i) {
			t.Fatalf("message %d: %d bytes, the first is %d", i, len(m.Payload), m.Payload[0])
		}
	}
}
