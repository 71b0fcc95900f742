package proxy

import (
	"crypto/tls"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// pause is the time that a peer takes in the tests of times.
const pause = 60 * time.Millisecond

// took reports whether a histogram has n durations, each of which is about d or longer. The clock of a loop stands still
// during a turn.
func took(h *Histogram, n uint64, d time.Duration) bool {
	return h.Count() == n && h.Sum >= float64(n)*d.Seconds()/2 && h.Sum < patience.Seconds()
}

func TestStepsOfASessionAreTimed(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		r := startLeaving(t, m)
		const sessions = 3
		for range sessions {
			c, node := r.dialled(connect5)
			time.Sleep(pause) //nolint:forbidigo // the node takes its time
			pass(node, c, string(connack5), 100)
			_, _ = c.Close(), node.Close()
		}
		eventually(t, "the end", func() bool { return r.srv.open() == 0 })
		stats := r.srv.Stats()
		f, l := &stats.Flows[0], &stats.Listeners[0]
		if !took(&f.TimeToConnack, sessions, pause) || !took(&f.Duration, sessions, pause) || !took(&f.Dial, sessions, 0) {
			t.Errorf("CONNACK %+v, duration %+v, dial %+v", f.TimeToConnack, f.Duration, f.Dial)
		}
		if f.Duration.Sum < f.TimeToConnack.Sum || f.TimeToConnack.Sum < f.Dial.Sum {
			t.Errorf("sums: duration %v, CONNACK %v, dial %v", f.Duration.Sum, f.TimeToConnack.Sum, f.Dial.Sum)
		}
		if want := pick[uint64](m.tls, sessions, 0); l.Handshake.Count() != want || l.Handshakes.Done != want {
			t.Errorf("%d handshakes measured, %d done, want %d", l.Handshake.Count(), l.Handshakes.Done, want)
		}
	})
}

func TestHandshakeOfAClientIsTimed(t *testing.T) {
	r := startLeaving(t, mqttsToMQTT)
	c := r.dialBare(r.srv.Addr("mqtt"))
	over := tls.Client(c.Conn, &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error {
		time.Sleep(pause) //nolint:forbidigo // the client takes its time
		return nil
	}})
	if err := over.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the handshake", func() bool {
		stats := r.srv.Stats()
		return took(&stats.Listeners[0].Handshake, 1, pause)
	})
	_ = over.Close()
}

// The time of a dial ends when the node can take the client's first bytes.
func TestDialIsTimedWithTheNodesHandshake(t *testing.T) {
	config := nodeConfig().Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		time.Sleep(pause) //nolint:forbidigo // the node takes its time
		return nil, nil
	}
	r := startToTLS(t, []string{startTLSNode(t, config, nil).address()})
	_ = r.open("c1").Close()
	if f := r.oneFlow(); !took(&f.Dial, 1, pause) {
		t.Errorf("%+v", f.Dial)
	}
}

// A client that takes its time between the steps does not count for them.
func TestTimesBeginWithTheirStep(t *testing.T) {
	proxytest.WaitAbreast(t)
	const idle = 3 * time.Second // of the first, the kernel waits a second for bytes before it reports the client
	r := startLeaving(t, mqttsToMQTT)
	c := r.dialBare(r.srv.Addr("mqtt"))
	time.Sleep(idle) //nolint:forbidigo // the client takes its time
	c.secure(nil)
	time.Sleep(idle) //nolint:forbidigo // and again
	c.send(connect5)
	pass(r.nodeConn(connect5), c, string(connack5), 100)
	stats := r.srv.Stats()
	handshake, dial, connack := stats.Listeners[0].Handshake.Sum, stats.Flows[0].Dial.Sum, stats.Flows[0].TimeToConnack.Sum
	if handshake >= 1 || dial >= 1 || connack < idle.Seconds() {
		t.Errorf("handshake %v s, dial %v s, CONNACK %v s", handshake, dial, connack)
	}
}

func TestFailedDialIsNotTimed(t *testing.T) {
	good := startNode(t, nil)
	r := start(t, []string{refusing, good.address()})
	const clients = 20
	for i := range clients {
		_ = r.open(string(rune('a' + i))).Close()
	}
	flows := r.srv.Stats().Flows
	if flows[0].DialErrors == 0 || flows[0].Dial.Count() != 0 || flows[1].Dial.Count() != clients {
		t.Errorf("%d failed, %+v and %+v", flows[0].DialErrors, flows[0].Dial, flows[1].Dial)
	}
}

func TestLoopsMeasureTheirTurnsAndTheirLag(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []string{refusing})
	for i, l := range r.srv.engine.loops {
		busy, stop := make(chan struct{}), make(chan struct{})
		l.Do(func() { close(busy); <-stop })
		<-busy
		l.measureLag()
		time.Sleep(pause) //nolint:forbidigo // the turn goes on
		close(stop)
		eventually(t, "the turn", func() bool {
			s := r.srv.Stats().Loops[i]
			return s.TurnTime.Count() == s.Turns && s.TurnTime.Sum >= pause.Seconds() && s.Lag.Sum >= pause.Seconds()
		})
	}
	eventually(t, "a measurement of the server's own", func() bool {
		all := true
		for _, l := range r.srv.Stats().Loops {
			all = all && l.Lag.Count() > 1
		}
		return all
	})
	if n := len(r.srv.Stats().Loops); n != len(r.srv.engine.loops) {
		t.Errorf("%d loops", n)
	}
}

func TestMemoryOfSlowReadersAndOpeningsIsTold(t *testing.T) {
	for _, m := range []mode{mqttToMQTT, wssToMQTT} {
		t.Run(m.name, func(t *testing.T) {
			r := startLeaving(t, m)
			c, node := r.dialled(connect311)
			writing := make(chan struct{})
			go func() { // ends with the connection
				defer close(writing)
				packet := append([]byte("\x20\x02\x00\x00\x30\x80\x80\x40"), make([]byte, 1<<20)...)
				for {
					if _, err := node.Write(packet); err != nil {
						return
					}
				}
			}()
			eventually(t, "bytes are kept for the client", func() bool { return r.held() > 0 })
			var size int
			r.each(func(s *session) { size = s.client.kept.size })
			if kept := r.srv.Stats().KeptBytes; kept != int64(size) || size < r.held() {
				t.Errorf("%d bytes of memory, told %d, for %d", size, kept, r.held())
			}
			_, _ = c.Close(), node.Close()
			<-writing
		})
	}
	r := startLeaving(t, mqttToMQTT)
	c := r.dial()
	c.send(connect311[:5])
	eventually(t, "an opening is counted", func() bool { return r.srv.Stats().OpeningMemory > 0 })
	_ = c.Close()
}

// Counters do not go back when a listener gets another address.
func TestHandshakesOfAListenerThatMovesStayCounted(t *testing.T) {
	r := startLeaving(t, mqttsToMQTT)
	c := r.dial()
	c.send(connect5)
	node := r.nodeConn(connect5)
	_, _ = c.Close(), node.Close()
	eventually(t, "the end", func() bool { return r.srv.open() == 0 })
	before := r.srv.Addr("mqtt").String()
	r.apply(onFreeAddress(t))
	stats := r.srv.Stats()
	if n := stats.Listeners[0].Handshake.Count(); n != 1 || r.srv.Addr("mqtt").String() == before {
		t.Errorf("%d handshakes at %v, which was at %v", n, r.srv.Addr("mqtt"), before)
	}
}
