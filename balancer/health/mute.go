package health

import (
	"context"
	"errors"
	"net/netip"

	"mqttlb/balancer"
)

// muteError says that no session gets its CONNACK from the node.
type muteError struct{ likely string }

func (e *muteError) Error() string {
	return "it accepts connections, but no session gets a CONNACK: " + e.likely
}

// notMute is the warning about a node that answers a probe and no session.
const notMute = "sessions got no CONNACK, but a CONNECT of the probe did: look at the clients"

// askSessions adds what sessions have seen to a probe that is not about CONNECTs. A node that accepts
// connections and answers no session is down, whatever else answers on it. Clients could bring about that
// no session is answered: a broker closes if a CONNECT is wrong. So a CONNECT of our own decides, if
// the node speaks MQTT without WebSocket.
func (p *prober) askSessions(ctx context.Context, n *balancer.Node, addr netip.AddrPort, r *result) {
	cause, mute := n.Mute()
	if !mute || r.err != nil || p.check.Probe&MQTT != 0 {
		return
	}
	r.err, r.warning = &muteError{cause}, ""
	if p.check.WebSocket {
		return
	}
	conn, _, err := p.ask(ctx, MQTT, n, addr)
	switch {
	case balancer.ShortageOf(err) != balancer.NoShortage:
		r.err = err // this probe knows nothing
	case stateOf(err) != balancer.Down, errors.Is(err, errUnavailable): // any CONNACK is an answer
		n.AnsweredProbe()
		r.err, r.warning = nil, notMute
	case p.check.Probe&EMQX != 0 && ctx.Err() != nil:
		r.err = &silentError{r.err}
	}
	if conn != nil {
		_ = conn.Close() // after its DISCONNECT, if the node has answered
	}
}
