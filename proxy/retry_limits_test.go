package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// confirmingWith is confirming with other limits.
func confirmingWith(c snapshot.Confirm) setting {
	return func(s *snapshot.Snapshot) { s.Listeners[0].Pool.Confirm = c }
}

func TestAsManyNodesAreAskedAsThereAreAttempts(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		var all []func(net.Conn)
		for i := range 5 {
			all = append(all, says(t, connackOf5(mqttparse.ServerBusy, fmt.Sprint("node ", i+1)), anyEnd))
		}
		s := m.startStubs(t, all...)
		r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 3, Time: patience}))
		c := r.dial()
		c.send(connect5)
		c.expect(connackOf5(mqttparse.ServerBusy, "node 3"))
		_ = c.Close()
		if n := s.met.Load(); n != 3 {
			t.Errorf("%d nodes were asked", n)
		}
		r.wantRetries(RetryConnack, 2)
	})
}

func TestNoNodeIsAskedWhenTheTimeIsOver(t *testing.T) {
	over := make(chan struct{})
	refusal := connackOf5(mqttparse.ServerBusy, "")
	s := mqttToMQTT.startStubs(t, func(c net.Conn) {
		readConnectFrom(c, 0)
		<-over
		_, _ = c.Write(refusal)
		_, _ = c.Read(make([]byte, 1))
	}, accepts(t))
	r := mqttToMQTT.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 10, Time: 100 * time.Millisecond}))
	c := r.dial()
	c.send(connect5)
	eventually(t, "the end of the time", func() (is bool) {
		r.inLoops(func(l *loop, s *session) {
			is = s.step == stepConfirm && walkTime(l.Timers.Now()) >= s.pending.retryBy
		})
		return is
	})
	close(over)
	c.expect(refusal)
	_ = c.Close()
	if n := s.met.Load(); n != 1 {
		t.Errorf("%d nodes were asked", n)
	}
}

func TestWithoutConfirmTheFirstAnswerPasses(t *testing.T) {
	inEachMode(t, func(t *testing.T, m mode) {
		refusal := connackOf5(mqttparse.ServerBusy, "")
		s := m.startStubs(t, says(t, refusal, anyEnd), closes, resets, accepts(t))
		r := m.start(t, s.addresses)
		for i, want := range [][]byte{refusal, nil, nil} {
			c := r.dial()
			c.send(connect5)
			c.expect(want)
			if want == nil && len(c.rest()) > 0 {
				t.Errorf("client %d was told something", i)
			}
			_ = c.Close()
			r.waitLine("outcome=" + []string{"client_closed", "server_closed", "server_reset"}[i])
		}
		if n := r.retries(); n != [RetryReasons]uint64{} {
			t.Errorf("%v clients went on", n)
		}
	})
}

// A late answer of a silent node is for nobody.
func TestAClientOfASilentNodeGoesOnIfItMay(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		late := make(chan struct{})
		s := m.startStubs(t, func(c net.Conn) {
			readConnectFrom(c, 0)
			<-late
			_, before := c.Write(connackOf5(mqttparse.Success, "late"))
			if _, err := c.Read(make([]byte, 1)); !byReset(before) && !byReset(err) {
				t.Errorf("the silent node sees the end %v, %v", before, err)
			}
		}, accepts(t))
		r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 2, Time: patience, Silence: true}), func(s *snapshot.Snapshot) {
			s.Timeouts.Connack = time.Second
		})
		c := r.dial()
		c.send(connect5)
		c.expect(connack5)
		close(late)
		c.send([]byte("to the end"))
		c.expect([]byte("to the end"))
		r.wantRetries(RetrySilent, 1)
		_ = c.Close()
		r.waitLine("outcome=client_closed")
	})
}

func TestAClientWaitsForASilentNodeOtherwise(t *testing.T) {
	inModesAbreast(t, allModes, func(t *testing.T, m mode) {
		first := connackOf5(mqttparse.ServerBusy, "first")
		silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, struct{ io.Reader }{c}) }
		for _, retry := range []bool{false, true} { // with true the other node has refused before
			stubs := []func(net.Conn){silent, accepts(t)}
			if retry {
				stubs = []func(net.Conn){says(t, first, byReset), silent, accepts(t)}
			}
			s := m.startStubs(t, stubs...)
			r := m.start(t, s.addresses, confirmingWith(snapshot.Confirm{Attempts: 2, Time: patience, Silence: retry}), func(s *snapshot.Snapshot) {
				s.Timeouts.Connack = 500 * time.Millisecond
			})
			c := r.dial()
			c.send(connect5)
			c.expect(pick(retry, first, []byte("\x20\x03\x00\x88\x00")))
			_ = c.Close()
			r.waitOutcome(outcome.ConnackTimeout, 1)
		}
	})
}

// The client replies to the node that has sent the AUTH.
func TestAClientStaysWithANodeThatHasSentAnAuth(t *testing.T) {
	auth, refusal := []byte("\xf0\x06\x18\x04\x15\x00\x01x"), connackOf5(mqttparse.ServerBusy, "")
	inEachMode(t, func(t *testing.T, m mode) {
		for name, node := range map[string]func(net.Conn){
			"and then refuses": func(c net.Conn) {
				readConnectFrom(c, 0)
				_, _ = c.Write(auth)
				_, _ = io.ReadFull(c, make([]byte, len(auth)))
				_, _ = c.Write(refusal)
				_, _ = c.Read(make([]byte, 1))
			},
			"and refuses at once": says(t, append(bytes.Clone(auth), refusal...), anyEnd),
		} {
			t.Run(name, func(t *testing.T) {
				s := m.startStubs(t, node, accepts(t))
				r := m.start(t, s.addresses, confirming)
				c := r.dial()
				c.send(connect5)
				c.expect(auth)
				if name == "and then refuses" {
					c.send(auth)
				}
				c.expect(refusal)
				_ = c.Close()
				r.waitLine("connack=137")
				if n := s.met.Load(); n != 1 {
					t.Errorf("%d nodes were asked", n)
				}
			})
		}
	})
}

// A client whose stream has ended may be gone: it is not worth a session on another node.
func TestAClientThatHasEndedItsStreamStaysWithItsNode(t *testing.T) {
	refusal := connackOf5(mqttparse.ServerBusy, "")
	s := mqttToMQTT.startStubs(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_, _ = c.Write(refusal)
	}, accepts(t))
	r := mqttToMQTT.start(t, s.addresses, confirming)
	c := r.dial()
	c.send(connect5)
	c.halfClose()
	c.expect(refusal)
	c.rest()
	_ = c.Close()
	r.waitOutcome(outcome.ClientClosed, 1)
	if n := s.met.Load(); n != 1 {
		t.Errorf("%d nodes were asked", n)
	}
}
