package proxy

import "testing"

// A front that is closed serves nobody.
func TestUpgradeThatComesWholeNeedsNoFront(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wsToWS, httpToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			_ = r.srv.listeners[0].http.server.Close()
			r.open("device")
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.trickle([]byte(upgradeRequest("-Upgrade")), false)
			if answer := c.rest(); len(answer) > 0 {
				t.Errorf("a closed front answers %q", answer)
			}
		})
	}
}
