package health

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
)

// mutePool returns a pool whose node has given many sessions no CONNACK.
func mutePool(t *testing.T, address string) *balancer.Pool {
	p := newPool(t, address)
	for i := range 20 {
		p.Nodes()[0].Unanswered(balancer.Unanswered{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Identifier: fmt.Sprint(i), Cause: "the likely cause"})
		<-time.After(time.Second)
	}
	p.JudgeAnswers()
	return p
}

// Sessions see what a probe that only connects does not. A probe with a CONNECT of its own knows better.
func TestAMuteNodeIsDownForProbesThatSendNoCONNECT(t *testing.T) {
	for probe, want := range map[Probe]balancer.State{TCP: balancer.Down, HTTP: balancer.Down, MQTT: balancer.Up, EMQX: balancer.Down, EMQX | MQTT: balancer.Up} {
		synctest.Test(t, func(t *testing.T) {
			n := mutePool(t, "127.0.0.1:1883").Nodes()[0]
			r := result{}
			newProber(Check{Probe: probe}).askSessions(n, &r)
			if stateOf(r.err) != want {
				t.Errorf("%v: %v", probe, r.err)
			} else if r.err != nil && r.err.Error() != "it accepts connections, but no session gets a CONNACK: the likely cause" {
				t.Error(r.err)
			}
			dead := result{err: errDead}
			if newProber(Check{Probe: probe}).askSessions(n, &dead); dead.err != errDead {
				t.Errorf("%v: the probe's own reason is lost: %v", probe, dead.err)
			}
		})
	}
}
