package health

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/proxytest"
)

// muteNode returns a node at an address that has given many sessions no CONNACK.
func muteNode(t *testing.T, address netip.AddrPort) (n *balancer.Node) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(t, address.String())
		n = p.Nodes()[0]
		for i := range 20 {
			n.Unanswered(balancer.Unanswered{Address: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Identifier: fmt.Sprint(i), Cause: "the likely cause"})
			<-time.After(time.Second)
		}
		p.JudgeAnswers()
	})
	return n
}

// listen serves connections at an address of its own, until the test ends.
func listen(t *testing.T, serve func(*net.TCPConn)) netip.AddrPort {
	return netip.MustParseAddrPort(proxytest.Serve(t, "127.0.0.1:0", serve))
}

// Sessions see what a probe that only connects does not. A probe with a CONNECT of its own knows better.
func TestAMuteNodeIsDownForProbesThatSendNoCONNECT(t *testing.T) {
	refuses := netip.MustParseAddrPort("127.0.0.1:1")
	for probe, want := range map[Probe]balancer.State{TCP: balancer.Down, HTTP: balancer.Down, MQTT: balancer.Up, EMQX: balancer.Down, EMQX | MQTT: balancer.Up} {
		n := muteNode(t, refuses)
		r := result{}
		check := Check{Probe: probe, Timeout: time.Second}
		newProber(check).askSessions(t.Context(), n, refuses, &r)
		if stateOf(r.err) != want {
			t.Errorf("%v: %v", probe, r.err)
		} else if r.err != nil && r.err.Error() != "it accepts connections, but no session gets a CONNACK: the likely cause" {
			t.Error(r.err)
		}
		dead := result{err: errDead}
		if newProber(check).askSessions(t.Context(), n, refuses, &dead); dead.err != errDead {
			t.Errorf("%v: the probe's own reason is lost: %v", probe, dead.err)
		}
	}
}

// Clients whose CONNECT is wrong are closed without a CONNACK. A node that answers a probe is not to blame.
func TestClientsAloneCannotMakeANodeDown(t *testing.T) {
	for name, row := range map[string]struct {
		answer    string
		webSocket bool
		want      balancer.State
	}{
		"it accepts the probe":              {"\x20\x02\x00\x00", false, balancer.Up},
		"it does not know the probe":        {"\x20\x02\x00\x05", false, balancer.Up},
		"it is at a limit":                  {"\x20\x02\x00\x03", false, balancer.Up},
		"it closes":                         {"", false, balancer.Down},
		"it answers with HTTP":              {"HTTP/1.1 400 Bad Request\r\n\r\n", false, balancer.Down},
		"probes cannot ask, with WebSocket": {"\x20\x02\x00\x00", true, balancer.Down},
	} {
		t.Run(name, func(t *testing.T) {
			addr := listen(t, func(c *net.TCPConn) {
				defer c.Close()
				b := make([]byte, 1024)
				if n, _ := c.Read(b); n == 0 || b[0] != 0x10 {
					return
				}
				_, _ = c.Write([]byte(row.answer))
			})
			n := muteNode(t, addr)
			r := newProber(Check{Probe: TCP, Timeout: 10 * time.Second, WebSocket: row.webSocket}).probe(t.Context(), n)
			if stateOf(r.err) != row.want {
				t.Errorf("%v", r.err)
			}
			if got := strings.HasPrefix(r.warning, "sessions got no CONNACK"); got != (row.want == balancer.Up) {
				t.Errorf("the warning is %q", r.warning)
			}
		})
	}
}

// When CONNECTs hang in a whole EMQX cluster, its nodes drain and keep their sessions.
func TestAMuteNodeWhoseEMQXRunsDrains(t *testing.T) {
	t.Parallel()
	addr := listen(t, func(c *net.TCPConn) {
		defer c.Close()
		_, _ = c.Read(make([]byte, 1))
		<-t.Context().Done()
	})
	n := muteNode(t, addr)
	management := listen(t, func(c *net.TCPConn) {
		defer c.Close()
		b := make([]byte, 1024)
		answer := "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
		if n, _ := c.Read(b); strings.HasPrefix(string(b[:n]), "GET /status ") {
			answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		}
		_, _ = c.Write([]byte(answer))
	})
	r := newProber(Check{Probe: EMQX, Port: management.Port(), Timeout: 3 * time.Second}).probe(t.Context(), n)
	if stateOf(r.err) != balancer.Draining || !isSilent(r.err) {
		t.Errorf("%v", r.err)
	}
}
