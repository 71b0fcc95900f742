//go:build linux

package proxy

import (
	"net/netip"
	"testing"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
)

// A client whose only node has a host name that is still being looked up waits for its address. When the
// look-up has failed, clients are refused at once.
func TestAClientWaitsForTheFirstAddressOfItsNode(t *testing.T) {
	at := netip.MustParseAddrPort(startNode(t, nil).address())
	r := start(t, []string{"broker.example:1883"}, func(s *snapshot.Snapshot) { s.Timeouts.ConnectNode = time.Hour })
	early := r.dial()
	early.send(connectAs("early"))
	eventually(t, "an attempt without an address", func() bool { return r.dialErrors(0) > 0 })
	r.node(0).SetAddrs([]netip.AddrPort{at})
	early.expect(connack311)

	r.node(0).SetAddrs(nil)
	late := r.dial()
	late.send(connectAs("late"))
	r.waitOutcome(outcome.DialFailed, 1)
	r.waitLine(`error="node node-a: its host name has no address"`)
	if r.node(0).IsOutlier() {
		t.Error("the node is an outlier")
	}
}
