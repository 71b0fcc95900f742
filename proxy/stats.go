package proxy

import (
	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// Stats is what a server has counted since its start. Open and Total of a flow
// count sessions that reached the node.
type Stats struct {
	Listeners []ListenerStats
	Flows     []FlowStats // of every listener and node of its pool

	MaxConnections int64  // in force: the setting, or what the descriptor limit allows
	AcceptErrors   uint64 // accepts that failed for want of descriptors or memory
	LinesDropped   uint64 // log lines that the log's writer had no time for
}

// ListenerStats counts the connections of a listener.
type ListenerStats struct {
	Listener *snapshot.Listener
	Open     int64 // connections accepted and not ended
	Accepted uint64
	Outcomes [outcome.Count]uint64 // by Outcome; their sum and Open make Accepted

	// Answers counts the HTTP requests that were answered here and by no node, by
	// status; nil where no HTTP is served.
	Answers map[int]uint64

	// Handshakes and Certificates are of listeners with TLS.
	Handshakes   tlsterm.GateCounts
	Certificates []tlsterm.CertificateStatus
}

// FlowStats counts the sessions of a listener on a node.
type FlowStats struct {
	Listener *snapshot.Listener
	Pool     *snapshot.Pool
	Node     *balancer.Node
	Open     int64
	Total    uint64
	Received uint64 // bytes from clients
	Sent     uint64 // bytes to clients

	DialErrors uint64 // connections to the node that could not be made
}

// counters are the numbers of one loop. It alone touches them: no atomics on
// the byte path. Stats asks each loop for a copy.
type counters struct {
	listeners []ListenerStats
	flows     [][]FlowStats // by listener; the nodes of each of its pools in turn

	AcceptErrors uint64
}

// flow is a session's place in the counters.
type flow = FlowStats

func newCounters(listeners []*listener) counters {
	c := counters{
		listeners: make([]ListenerStats, len(listeners)),
		flows:     make([][]FlowStats, len(listeners)),
	}
	for i, ln := range listeners {
		c.listeners[i].Listener = ln.Listener
		for _, p := range ln.pools {
			for _, n := range p.Nodes() {
				c.flows[i] = append(c.flows[i], FlowStats{Listener: ln.Listener, Pool: p, Node: n})
			}
		}
	}
	return c
}

// add adds a loop's numbers to the sum.
func (s *Stats) add(c *counters) {
	s.AcceptErrors += c.AcceptErrors
	if s.Listeners == nil {
		s.Listeners = append(s.Listeners, c.listeners...)
		for _, flows := range c.flows {
			s.Flows = append(s.Flows, flows...)
		}
		return
	}
	for i := range c.listeners {
		from, to := &c.listeners[i], &s.Listeners[i]
		to.Open += from.Open
		to.Accepted += from.Accepted
		for o := range from.Outcomes {
			to.Outcomes[o] += from.Outcomes[o]
		}
	}
	i := 0
	for _, flows := range c.flows {
		for _, from := range flows {
			to := &s.Flows[i]
			to.Open += from.Open
			to.Total += from.Total
			to.Received += from.Received
			to.Sent += from.Sent
			to.DialErrors += from.DialErrors
			i++
		}
	}
}
