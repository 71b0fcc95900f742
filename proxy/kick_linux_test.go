package proxy

import (
	"fmt"
	"testing"

	"mqttlb/mqttparse"
	"mqttlb/proxy/outcome"
)

// Before a node is reached there is no DISCONNECT and no FIN to a node, only a CONNACK.
func TestKickedClientOnItsWayToANodeIsToldInAConnack(t *testing.T) {
	r := start(t, []string{fullListener(t)})
	c := r.dial()
	c.send(connect5)
	eventually(t, "the dial", func() bool { return len(r.list(FilterSpec{ClientID: "c1"})) == 1 })
	if n := r.kick(FilterSpec{}, mqttparse.ServerMoved); n != 1 {
		t.Errorf("%d sessions kicked", n)
	}
	if got := fmt.Sprintf("% x", c.rest()); got != "20 03 00 9d 00" {
		t.Errorf("the client got %s", got)
	}
	_ = c.Close()
	r.waitOutcome(outcome.Kicked, 1)
}
