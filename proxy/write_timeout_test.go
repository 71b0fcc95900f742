package proxy

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

func writeWithin(d time.Duration) setting {
	return func(s *snapshot.Snapshot) { s.Timeouts.Write = d }
}

// fill has one peer send packets until there is a backlog for the other, which does not read. The
// kernel may take it a moment later; call fill again then.
func (r *leaving) fill(from *peer) {
	r.t.Helper()
	packet := append([]byte("\x30\x80\x80\x04"), make([]byte, 64<<10)...)
	for r.held() == 0 {
		from.say(packet)
	}
}

// stuck has one peer keep a backlog for the other until timeouts.write is over.
func (r *leaving) stuck(from *peer, meanwhile func()) {
	r.t.Helper()
	eventually(r.t, "the end of the limit", func() bool {
		over := r.outcomes(outcome.WriteTimeout) > 0
		r.each(func(s *session) { over = over || s.stuck != noneStuck })
		if !over {
			r.fill(from)
			meanwhile()
		}
		return over
	})
}

// The pings keep the session from being idle.
func TestClientThatReadsNothingAndPingsIsGivenUp(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := startLeaving(t, m, writeWithin(time.Second))
		client, node := r.open(mqttparse.V5)
		ended := node.ending()
		r.stuck(node, func() {
			client.say([]byte("\xc0\x00"))
			if m.clientWS() {
				client.send(clientFrame(finPing, nil))
			}
		})
		if err := <-ended; err != nil {
			t.Errorf("the node's stream has ended with %v, want a FIN", err)
		}
		r.waitOutcome(outcome.WriteTimeout, 1)
		r.waitLine(`outcome=write_timeout error="the client took nothing of what is kept for it within timeouts.write (1s)"`)
	})
}

// ending reads to the end and sends the error of the last read.
func (p *peer) ending() <-chan error {
	ended := make(chan error, 1)
	go func() { // ends with the connection
		_, err := io.Copy(io.Discard, p)
		ended <- err
	}()
	return ended
}

func TestNodeThatReadsNothingIsGivenUpAndItsClientIsTold(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		r := startLeaving(t, m, writeWithin(time.Second))
		client, node := r.open(mqttparse.V5)
		r.stuck(client, func() {})
		if got, want := fmt.Sprint(client.hear()), fmt.Sprint(m.toClient("e0 02 89 00", 1013)); got != want {
			t.Errorf("the client heard %s, want %s", got, want)
		}
		_ = client.Close()
		r.waitOutcome(outcome.WriteTimeout, 1)
		r.waitLine(`outcome=write_timeout error="node node-a: it took nothing of what is kept for it within timeouts.write (1s)"`)
		if err := <-node.ending(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the node's stream has ended with %v, and it is not whole", err)
		}
	})
}

// The kernel reports no room in the socket for many times the limit, but acknowledged bytes count.
func TestClientThatReadsALittleAtATimeGoesOn(t *testing.T) {
	proxytest.WaitAbreast(t)
	inModesAbreast(t, []mode{mqttToMQTT, wsToWS, wsToMQTT, mqttsToMQTT}, func(t *testing.T, m mode) {
		const limit = 3 * time.Second
		r := startLeaving(t, m, writeWithin(limit))
		client, node := r.open(mqttparse.V5)
		_ = tcp(client.socket.Conn).SetReadBuffer(32 << 10)
		r.fill(node)
		reads := time.NewTicker(limit / 10)
		defer reads.Stop()
		for begun := time.Now(); time.Since(begun) < 2*limit; {
			<-reads.C
			client.read(16 << 10)
			r.fill(node)
		}
		if n := r.outcomes(outcome.WriteTimeout); n != 0 {
			t.Error("the session has ended")
		}
	})
}

// Nothing happens to a session with a backlog, so nothing but the reload sets its timer.
func TestReloadLimitsTheWritesOfSessionsThatAreStuck(t *testing.T) {
	proxytest.WaitAbreast(t)
	for name, before := range map[string]time.Duration{"without a limit": 0, "with a long one": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := startLeaving(t, mqttToMQTT, writeWithin(before))
			client, node := r.open(mqttparse.V5)
			_ = tcp(client.socket.Conn).SetReadBuffer(32 << 10)
			r.fill(node)
			r.apply(writeWithin(time.Second))
			eventually(t, "the end of the session", func() bool {
				if r.outcomes(outcome.WriteTimeout) == 0 && r.held() == 0 && r.srv.open() > 0 {
					r.fill(node) // the kernel took it
				}
				return r.outcomes(outcome.WriteTimeout) == 1
			})
			_, _ = client.Close(), node.Close()
		})
	}
}
