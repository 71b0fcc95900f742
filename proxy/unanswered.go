package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/websocket"
)

// countUnanswered counts a session that its node has given no CONNACK. A node whose client left first is not
// to blame. b is what the node has sent in place of a CONNACK.
func (l *loop) countUnanswered(s *session, why RetryReason, b []byte) {
	if s.client.ended || s.client.broken || s.outcome != outcome.None {
		return
	}
	o := s.pending
	s.flow.Unanswered[why]++
	s.reportUnanswered(o.node, likelyCause(o.pool, why, b, l.isPatient(o)))
}

// reportUnanswered tells a node that it has not answered the session.
func (s *session) reportUnanswered(n *balancer.Node, cause string) {
	n.Unanswered(balancer.Unanswered{Address: s.source.addrPort().Addr(), Identifier: s.clientID(), Cause: cause})
}

// upgradeCause returns the likely cause of the error of an attempt if it says that the node has answered an
// upgrade to WebSocket with no HTTP at all. A status is an answer, which may be about the client.
func upgradeCause(p *snapshot.Pool, err error, patient bool) (cause string, ok bool) {
	response, ok := errors.AsType[*websocket.ResponseError](err)
	switch {
	case !ok || response.Status != 0:
		return "", false
	case errors.Is(err, errUpgradeTimeout):
		return likelyCause(p, RetrySilent, nil, patient), true
	case response == errNoUpgrade, response == errUpgradeReset:
		return likelyCause(p, RetryClosed, nil, patient), true
	}
	return response.Error() + ": see pools[].protocol", true
}

// isPatient reports whether a close now looks like the end of a node's patience.
func (l *loop) isPatient(o *pending) bool {
	return time.Duration(l.Now()-o.begunAt) >= l.server.waits.patientClose
}

// greetings are what other protocols begin with.
var greetings = []struct{ begin, what string }{
	{"HTTP/", "it answers with HTTP: its port is for HTTP or WebSocket, see pools[].protocol"},
	{"AMQP", "it answers with AMQP: its port is not for MQTT, see pools[].nodes[].address"},
	{"SSH-", "it answers with SSH: its port is not for MQTT, see pools[].nodes[].address"},
}

// likelyCause says why a node probably has given no CONNACK: by what the pool sends, by what the node has
// sent, and whether it was patient before that.
func likelyCause(p *snapshot.Pool, why RetryReason, b []byte, patient bool) string {
	for _, g := range greetings {
		if bytes.HasPrefix(b, []byte(g.begin)) {
			return g.what
		}
	}
	const firstTLS, lastTLS, majorTLS = 20, 23, 3 // types and version of records
	switch {
	case len(b) > 1 && b[0] >= firstTLS && b[0] <= lastTLS && b[1] == majorTLS:
		return "it answers with TLS: set pools[].tls"
	case len(b) > 0:
		return fmt.Sprintf("its answer begins with %q and is no CONNACK: its port is not for MQTT, see pools[].nodes[].address", b[:min(len(b), 8)])
	case p.SendProxy != 0:
		return fmt.Sprintf("the pool sends a PROXY header (pools[].proxy_protocol: v%d), which the node probably does not expect", p.SendProxy)
	case why == RetrySilent || patient:
		return "the node probably waits for a PROXY header, and the pool sends none (pools[].proxy_protocol: off)"
	case p.TLS != nil:
		return "the node expects a PROXY header, which the pool does not send (pools[].proxy_protocol: off), or is at a limit of its own"
	default:
		return "the node expects TLS (pools[].tls) or a PROXY header (pools[].proxy_protocol: off), or is at a limit of its own"
	}
}

// reportSilences logs the nodes that give sessions no CONNACK, at most once a minute each, and has the
// health checks look at those that have become mute.
func (srv *Server) reportSilences(p *snapshot.Pool) {
	for _, v := range p.JudgeAnswers() {
		attrs := []any{"node", v.Node.Name, "pool", p.Name, "address", v.Node.Address}
		switch {
		case v.Mute:
			srv.log.Warn("node accepts connections, but no session gets a CONNACK", append(attrs, "likely", v.Cause, "sessions", v.Sessions, "for", v.For)...)
			if p.DialFailed != nil {
				p.DialFailed(v.Node)
			}
		case v.Answers:
			srv.log.Info("node has given sessions no CONNACK, but answers others", append(attrs, "sessions", v.Sessions)...)
		default:
			srv.log.Warn("node has given sessions no CONNACK", append(attrs, "likely", v.Cause, "sessions", v.Sessions)...)
		}
	}
}
