package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/reactor"
)

// nameSetting returns the error for the log line of a session that ends with an outcome, with the setting that decided
// this. fault is what is known of the end already.
func (l *loop) nameSetting(s *session, o outcome.Outcome, fault string) string {
	setting, how := l.endedBy(s, o)
	switch {
	case setting == "" || strings.Contains(fault, setting):
		return fault
	case fault == "":
		return how
	}
	_, value, _ := strings.Cut(how, setting)
	return fault + ": " + setting + value
}

// endedBy names the setting behind an outcome, and says how it ended the session. Empty: no setting did, or only its
// fault can name it.
func (l *loop) endedBy(s *session, o outcome.Outcome) (setting, how string) {
	g := l.current
	if s.pending != nil {
		g = s.pending.generation
	}
	within := func(setting, what string, limit time.Duration) (string, string) {
		return setting, fmt.Sprintf("%s within %s %v", what, setting, limit)
	}
	count := func(setting, what string, limit int64) (string, string) {
		return setting, fmt.Sprintf("%s: %s is %d", what, setting, limit)
	}
	switch o {
	case outcome.IdleTimeout:
		limit := (time.Duration(s.idle) * reactor.TickLength).Round(time.Second / 10)
		if s.byKeepAlive {
			return "timeouts.idle", fmt.Sprintf("the client has sent nothing for %v, which is 1.5 times its keep alive and %v; timeouts.idle is 0s", limit, keepAliveGrace)
		}
		return within("timeouts.idle", "no byte has passed", limit)
	case outcome.ConnackTimeout:
		setting, how = within("timeouts.connack", "no CONNACK", g.Timeouts.Connack)
		if s.flow != nil {
			how = failure(s.flow.node, errors.New(how))
		}
		return setting, how
	case outcome.HalfClosedTimeout:
		what := "the node has ended its stream, and the client has not"
		if s.client.ended {
			what = "the client has ended its stream, and the node has not"
		}
		return within("timeouts.half_closed", what, l.current.Timeouts.HalfClosed)
	case outcome.Shutdown:
		return within("timeouts.shutdown", "mqttlb stops, and ends its sessions", l.current.Timeouts.Shutdown)
	case outcome.NodeDown:
		return "pools[].when_down", "the health checks have taken the node down: pools[].when_down is close"
	case outcome.Moved:
		return "pools[].rebalance", "its first node is up again: pools[].rebalance"
	case outcome.TakenOver:
		return "pools[].takeover", "the client has connected again, to another node: pools[].takeover is local"
	case outcome.Drained:
		if s.flow != nil && !l.current.hasNode(s.flow.Pool, s.flow.Node) {
			return "pools[].removed_nodes", "the node was removed: pools[].removed_nodes is drain"
		}
	case outcome.RefusedConnections:
		if s.limitedByListener(g) {
			return count("listeners[].max_connections", "all places of the listener are taken", g.listeners[s.listener.port].Limit())
		}
		return count("limits.max_connections", "all places are taken", g.maxConnections)
	case outcome.RefusedReserve:
		return "listeners[].reserve", fmt.Sprintf("the free places of limits.max_connections (%d) are listeners[].reserve of other listeners", g.maxConnections)
	case outcome.RefusedAddress:
		return count("limits.max_connections_per_address", "too many connections of the client's address", int64(g.MaxConnectionsPerAddress))
	case outcome.RefusedAddressRate:
		return count("limits.connect_rate_per_address", "too many new connections of the client's address in a second", int64(g.ConnectRatePerAddress))
	case outcome.RefusedClientIDRate:
		return "limits.connect_rate_per_client_id", fmt.Sprintf("the client has begun more than %d sessions within %v, and is held off for %v: see limits.connect_rate_per_client_id", g.ClientID.Sessions, g.ClientID.Within, g.ClientID.Hold)
	case outcome.Banned:
		return "bans", "the client's address is banned: see bans, and mqttlb ctl bans"
	case outcome.RefusedRate:
		return count("limits.connect_rate", "too many new sessions in a second", int64(g.ConnectRate))
	case outcome.ConnectTooLarge:
		return count("limits.max_connect_size", "too large", int64(g.MaxConnectSize))
	case outcome.NodesFull:
		return "max_connections", "every node that could take the session is full: pools[].nodes[].max_connections"
	case outcome.NodeBusy:
		return "connect_rate", "every node that could take the session is busy: pools[].connect_rate"
	default:
	}
	return "", ""
}

// limitedByListener reports whether the listener's own limit of connections is reached.
func (s *session) limitedByListener(g *generation) bool {
	ln := g.listeners[s.listener.port]
	return ln != nil && ln.MaxConnections > 0 && s.listener.port.admitted.Load() >= ln.Limit()
}

// hasNode reports whether a pool of the generation has a node of this name.
func (g *generation) hasNode(pool, node string) bool {
	p := g.sessionPools[pool]
	return p != nil && slices.ContainsFunc(p.Nodes(), func(n *balancer.Node) bool { return n.Name == node })
}
