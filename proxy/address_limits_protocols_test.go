package proxy

import (
	"bufio"
	"strings"
	"testing"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/snapshot"
)

// The limits must save the cost of a handshake: nothing is read and nothing is sent.
func TestAddressOverItsLimitHasNoHandshake(t *testing.T) {
	inEachTLSMode(t, func(t *testing.T, m mode) {
		for want, limit := range map[outcome.Outcome]setting{outcome.RefusedAddress: perAddress(1, 0), outcome.RefusedAddressRate: perAddress(0, 1)} {
			t.Run(want.String(), func(t *testing.T) {
				r := m.start(t, []string{m.startNode(t, nil).address()}, limit)
				first := r.openFrom("127.0.0.2")
				if want == outcome.RefusedAddressRate {
					_ = first.Close()
					r.waitOutcome(outcome.ClientClosed, 1)
					r.srv.addresses.exhaust("127.0.0.2")
				}
				for range 5 {
					c := r.dialFrom("127.0.0.2")
					_, _ = c.Write(hello(t)) // it may be closed already
					if got := c.rest(); len(got) > 0 {
						t.Errorf("answered % x", got)
					}
					_ = c.Close()
				}
				r.waitOutcome(want, 5)
				r.openFrom("127.0.0.3")
				if counts := r.srv.Stats().Listeners[0].Handshakes; counts.Done != 2 || counts.Failed+counts.Refused+counts.Abandoned > 0 {
					t.Errorf("%+v, want 2 handshakes", counts)
				}
				if want == outcome.RefusedAddress {
					_ = first.Close()
					r.waitOutcome(outcome.ClientClosed, 1)
					r.openFrom("127.0.0.2")
				}
			})
		}
	})
}

func TestAddressOverItsLimitIsNotUpgraded(t *testing.T) {
	inEachWSMode(t, func(t *testing.T, m mode) {
		for want, limit := range map[outcome.Outcome]setting{outcome.RefusedAddress: perAddress(1, 0), outcome.RefusedAddressRate: perAddress(0, 1)} {
			t.Run(want.String(), func(t *testing.T) {
				r := m.start(t, []string{m.startNode(t, nil).address()}, limit)
				var first *client
				if want == outcome.RefusedAddress {
					first = r.openFrom("127.0.0.2")
				} else {
					r.srv.addresses.exhaust("127.0.0.2")
				}
				for range 3 {
					c := r.dialFrom("127.0.0.2")
					c.send([]byte(upgradeRequest()))
					resp, body := c.response() //nolint:bodyclose // response has read and closed it
					if resp.StatusCode != 429 || (resp.Header.Get("Retry-After") == "1") != (want == outcome.RefusedAddressRate) {
						t.Errorf("answered %s, %v, %q", resp.Status, resp.Header, body)
					}
					c.rest()
					_ = c.Close()
				}
				r.waitOutcome(want, 3)
				r.waitLine("outcome=" + want.String() + ` error="429: too many`)
				if n := r.srv.Stats().Listeners[0].Answers[429]; n != 3 {
					t.Errorf("%d answers are counted", n)
				}
				r.openFrom("127.0.0.3")
				if first != nil {
					_ = first.Close()
					r.waitOutcome(outcome.ClientClosed, 1)
					r.openFrom("127.0.0.2")
				}
			})
		}
	})
}

func TestRequestsOfAnAddressOverItsLimitAreAnswered429(t *testing.T) {
	r := dashboard(t, perAddress(1, 0))
	first := r.dial()
	c := r.dialBare(r.srv.Addr("mqtt"))
	if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "429 ") {
		t.Errorf("answered %q", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.RefusedAddress, 1)
	_ = first.Close()
	r.waitOutcome(outcome.ClientGone, 1)
	c = r.dialBare(r.srv.Addr("mqtt"))
	if got := c.get(bufio.NewReader(c), "/page/x"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("answered %q", got)
	}
}

// The server does not wait for the ClientHello.
func TestAddressOverItsLimitIsClosedBeforeTLSIsPassedOn(t *testing.T) {
	proxytest.WaitAbreast(t)
	r := start(t, []string{startNode(t, nil).address()}, perAddress(1, 0), func(s *snapshot.Snapshot) { s.Listeners[0].Protocol = snapshot.Passthrough })
	first := r.dial()
	first.send(hello(t)[:20])
	eventually(t, "the first", func() bool { return r.srv.open() == 1 })
	c := r.dial()
	if got := c.rest(); len(got) > 0 {
		t.Errorf("answered % x", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.RefusedAddress, 1)
	_ = first.Close()
	r.waitOutcome(outcome.ClientGone, 1)
}
