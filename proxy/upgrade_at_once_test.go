package proxy

import "testing"

// A closed HTTP server serves no request, so the loop must have answered.
func TestUpgradeNeedsNoHTTPServer(t *testing.T) {
	for _, m := range []mode{wsToMQTT, wsToWS, httpToWS} {
		t.Run(m.name, func(t *testing.T) {
			r := m.start(t, []string{m.startNode(t, nil).address()})
			_ = r.srv.http.readers[0].Close()
			r.open("device")
			drips := r.dialBare(r.srv.Addr("mqtt"))
			drips.trickle([]byte(upgradeRequest()), true)
			if answer, _ := drips.response(); answer.StatusCode != 101 { //nolint:bodyclose // response has read and closed it
				t.Errorf("byte by byte: answered %s", answer.Status)
			}
			_ = drips.Close()
			c := r.dialBare(r.srv.Addr("mqtt"))
			c.trickle([]byte(upgradeRequest("-Upgrade")), false)
			if answer := c.rest(); len(answer) > 0 {
				t.Errorf("a closed server answers %q", answer)
			}
		})
	}
}
