//go:build linux

package proxy

import (
	"fmt"
	"testing"
	"time"

	"mqttlb/proxy/snapshot"
)

// A storm that finds addresses which do not answer must not use up the descriptors of the process.
func TestAStormMakesFewConnectionsBesideItsSessions(t *testing.T) {
	const clients = 3 * contendersPerLoop
	n := startNode(t, nil)
	r := start(t, []string{n.address()}, func(s *snapshot.Snapshot) { s.Timeouts.Dial = time.Hour })
	r.atAddresses(fullListener(t), fullListener(t), fullListener(t), n.address())
	var all []*client
	for i := range clients {
		c := r.dial()
		c.send(connectAs(fmt.Sprint("c", i)))
		all = append(all, c)
	}
	most := 0
	eventually(t, "all sessions", func() bool {
		for _, l := range r.srv.engine.loops {
			most = max(most, ask(l, func() int { return l.contenders }))
		}
		return r.only().Total == clients
	})
	for _, c := range all {
		c.expect(connack311)
	}
	if most > contendersPerLoop {
		t.Errorf("a loop had %d connections beside those of its sessions, at most %d are meant", most, contendersPerLoop)
	}
}
