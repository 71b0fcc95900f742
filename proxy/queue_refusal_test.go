//go:build linux

package proxy

import (
	"testing"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/proxytest"
	"mqttlb/proxy/reactor"
	"mqttlb/proxy/snapshot"
)

// Each is told in its version, after a random time.
func TestSessionsForWhichTheQueueHasNoRoomAreRefusedAsBusy(t *testing.T) {
	proxytest.WaitAbreast(t)
	tests := map[string]func(*testing.T){}
	for name, row := range map[string]struct {
		q     balancer.Queue
		fits  int64
		fault string
	}{
		"it is full":          {balancer.Queue{Size: 1, Time: time.Hour}, 1, "as many sessions wait as queue.size allows, 1"},
		"they wait too long":  {balancer.Queue{Size: 9, Time: 15 * time.Second}, 1, "would wait longer than queue.time allows, 15s"},
		"there is no queue":   {balancer.Queue{}, 0, "of which its slow start allows 10 %, is used up"},
		"there is no time":    {balancer.Queue{Size: 9}, 0, "would wait longer than queue.time allows, 0s"},
		"their time is short": {balancer.Queue{Size: 9, Time: time.Second}, 0, "would wait longer than queue.time allows, 1s"},
	} {
		for _, m := range []mode{mqttToMQTT, wssToWS} {
			tests[name+", "+m.name] = func(t *testing.T) {
				r := m.startShortWaits(t, []string{m.startNode(t, nil).address()}, ramping(t, row.q))
				r.open("first")
				for i := range row.fits {
					defer r.joins(persistent("waits")).reset()
					r.waits(0, i+1)
				}
				connects := map[string][]byte{
					string(connect5): []byte("\x20\x03\x00\x89\x00"), string(connect311): []byte("\x20\x02\x00\x03"),
					string(connect31): []byte("\x20\x02\x00\x03"), string(persistent("c1")): []byte("\x20\x02\x00\x03"),
				}
				for connect, refusal := range connects {
					c := r.joins([]byte(connect))
					c.expect(refusal)
					c.rest()
					_ = c.Close()
				}
				r.waitOutcome(outcome.NodeBusy, uint64(len(connects)))
				r.waitLine(row.fault)
				r.wantAgreement("after the refusals", -1)
			}
		}
	}
	proxytest.RunAbreast(t, tests)
}

// Within the places for refused clients, a client is told later that all nodes are full; beyond them it is told now.
func TestABusyRefusalIsPutOff(t *testing.T) {
	r := prepare(t, []string{startNode(t, nil).address()}, paced(t, 1, longQueue), func(s *snapshot.Snapshot) {
		s.Listeners[0].Pool.Pool = rebuilt(t, s.Listeners[0].Pool.Pool, func(spec *balancer.PoolSpec) { spec.Nodes[0].MaxConnections = 1 })
	})
	r.srv.waits.refusal = 1000 * time.Hour
	r.run()
	r.open("first")
	var clients []*client
	for range 8 {
		clients = append(clients, r.joins(connect5))
	}
	times := map[reactor.Tick]bool{}
	eventually(t, "refusals that are put off", func() bool {
		deferred := 0
		r.each(func(s *session) {
			if s.step == stepDefer && s.place == placeRefused && s.pending.bytes == nil {
				deferred++
				times[s.deadline] = true
			}
		})
		return deferred == len(clients)
	})
	if len(times) != len(clients) {
		t.Errorf("%d clients are told at %d times", len(clients), len(times))
	}
	if n := r.srv.admitted.Load(); n != 1 {
		t.Errorf("%d sessions are admitted, want the open one", n)
	}
	r.wantAgreement("while they are put off", 9)
	r.srv.refused.Add(refusalHeadroom - 8) // the places are taken
	now := r.joins(connect5)
	now.expect([]byte("\x20\x03\x00\x89\x00"))
	r.waitOutcome(outcome.NodesFull, 1)
	r.srv.refused.Add(8 - refusalHeadroom)
	for _, c := range clients {
		c.reset()
	}
	r.waitOutcome(outcome.NodesFull, 9)
}
