package proxy

import (
	"cmp"
	"iter"
	"slices"

	"mqttlb/mqttparse"
	"mqttlb/proxy/opening"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/tlsterm"
)

// Stats are the counters of a server since its start. Open and Total of a flow count sessions that
// reached the node.
type Stats struct {
	Listeners []ListenerStats // in the order of the snapshot, followed by removed listeners that still have sessions
	Rules     []RuleStats     // of every listener, in the same order
	Flows     []FlowStats     // of every listener and each node of its pools, in the same order

	MaxConnections int64  // in force: the setting, or fewer if the descriptor limit has no room for them
	AcceptErrors   uint64 // accepts that failed for want of descriptors or memory
	LinesDropped   Lines  // log lines dropped because they came faster than they are formatted
	LinesLeftOut   Lines  // log lines left out by the snapshot's LogRate

	Loops       []LoopStats
	KeptBytes   int64 // memory of the bytes that are kept for slow readers now
	SlowReaders int64 // clients and nodes for which bytes are kept now

	StuckClients, StuckNodes uint64 // that took nothing for timeouts.write, so that their session was ended

	WebConnections    int64  // with HTTP requests, now
	WebConnectionsMax int64  // that may be open at the same time
	GaveWay           uint64 // openings ended in favour of new connections, because all places were taken

	OpeningMemory int64 // bytes that unfinished openings hold now

	OpeningMemoryLimit int64 // limits.opening_memory; 0: none

	Bans BanStats

	Rebalances map[string]RebalanceProgress // by pool, of those that rebalance
}

// ListenerStats counts the connections of a listener.
type ListenerStats struct {
	Name     string
	Protocol snapshot.Protocol
	Open     int64 // connections accepted and not ended
	Accepted uint64
	Outcomes [outcome.Count]uint64 // by Outcome; Accepted is their sum plus Open

	// Tolerant tells whether the listener tolerates what breaks some rules. Tolerated counts, by rule, the
	// clients that it has let through although they break it: those that would be refused otherwise.
	Tolerant  bool
	Tolerated [mqttparse.NumRules]uint64

	// Foreign counts the refused clients that began with another protocol than the listener's, by that.
	Foreign [opening.ForeignCount]uint64

	// Handshake has the TLS handshakes that succeeded: from the whole ClientHello to the end, with the
	// wait at the listener's gate.
	Handshake Histogram

	// Answers counts the HTTP requests that the balancer itself answered, by status; nil if the
	// listener serves no HTTP.
	Answers map[int]uint64

	// TLS tells whether the listener has TLS. Handshakes and Certificates are valid only if it has.
	TLS          bool
	Handshakes   tlsterm.GateCounts
	Certificates []tlsterm.CertificateStatus
}

// FlowStats counts the sessions of a listener on a node of a pool, all by their names.
type FlowStats struct {
	Listener, Pool, Node string

	Open     int64
	Total    uint64
	Received uint64 // bytes from clients
	Sent     uint64 // bytes to clients

	OpenByVersion [4]int64 // of Open, by VersionIndex

	DialErrors uint64 // failed attempts to connect to the node
	PassedOver uint64 // addresses of the node at which it was not reached before it was at another one
	Shortages  uint64 // attempts for which this host had no port, source address, descriptor or memory: see [balancer.Shortage]

	Retries [RetryReasons]uint64 // sessions that went on to the next candidate, by reason; they are in Total of both

	// The fields below are zero if the listener does not read MQTT.

	Unanswered [RetryReasons]uint64 // sessions that the node has given no CONNACK, by why; whether another one was tried or not

	Packets     [2]PacketStats   // ToNode and ToClient; the first ones of a client count when its node has answered
	Connacks    map[uint8]uint64 // the node's CONNACKs by code; nil: none
	Disconnects map[uint8]uint64 // the ended sessions in which the last packet of the node was a DISCONNECT of MQTT 5, by reason code; nil: none

	Times
}

// Times are durations of the sessions of a flow, by the clock of their loop, which is read once a turn.
type Times struct {
	TimeToConnack Histogram // from the accept to the node's CONNACK, whatever its code
	Dial          Histogram // of each connection that was made to the node, with its TLS handshake, without an upgrade to WebSocket
	Duration      Histogram // of the ended ones, from the accept on
}

// add adds the counters of a loop.
func (s *Stats) add(c *ledgerCopy) {
	s.AcceptErrors += c.acceptErrors
	s.KeptBytes += c.keptBytes
	s.SlowReaders += c.keptStreams
	s.StuckClients += c.stuck[0]
	s.StuckNodes += c.stuck[1]
	s.Loops = append(s.Loops, c.times.stats())
	for i := range c.listeners {
		from := &c.listeners[i]
		to := s.Listener(from.Name)
		if to == nil {
			s.Listeners = append(s.Listeners, ListenerStats{Name: from.Name, Protocol: from.Protocol})
			to = &s.Listeners[len(s.Listeners)-1]
		}
		to.add(&from.ListenerStats)
		from.handshakes.addTo(&to.Handshake, LatencyBounds)
	}
	at := make(map[flowKey]int, len(s.Flows)+len(c.flows))
	for i := range s.Flows {
		at[s.Flows[i].key()] = i
	}
	for i := range c.flows {
		from := &c.flows[i]
		sum, ok := at[from.key()]
		if !ok {
			sum = len(s.Flows)
			s.Flows = append(s.Flows, FlowStats{Listener: from.Listener, Pool: from.Pool, Node: from.Node})
		}
		from.addTo(&s.Flows[sum])
	}
}

// add adds the counters of the same listener on a loop.
func (l *ListenerStats) add(from *ListenerStats) {
	l.Open += from.Open
	l.Accepted += from.Accepted
	for o := range from.Outcomes {
		l.Outcomes[o] += from.Outcomes[o]
	}
	for rule := range from.Tolerated {
		l.Tolerated[rule] += from.Tolerated[rule]
	}
	for f := range from.Foreign {
		l.Foreign[f] += from.Foreign[f]
	}
}

// ToleratedRules iterates over the rules whose count in Tolerated is above 0.
func (l *ListenerStats) ToleratedRules() iter.Seq2[mqttparse.Rule, uint64] {
	return func(yield func(mqttparse.Rule, uint64) bool) {
		for rule, n := range l.Tolerated {
			if n > 0 && !yield(mqttparse.Rule(rule), n) {
				return
			}
		}
	}
}

// Listener returns the counters of a listener, or nil if there are none.
func (s *Stats) Listener(name string) *ListenerStats {
	if i := slices.IndexFunc(s.Listeners, func(l ListenerStats) bool { return l.Name == name }); i >= 0 {
		return &s.Listeners[i]
	}
	return nil
}

func (f *FlowStats) key() flowKey { return flowKey{f.Listener, f.Pool, f.Node} }

// order sorts the counters into the order of a generation.
func (s *Stats) order(g *generation) {
	listeners, flows := map[string]int{}, map[flowKey]int{}
	for i, ln := range g.Listeners {
		listeners[ln.Name] = i - len(g.Listeners)
		for _, p := range ln.SessionPools() {
			for _, n := range p.Nodes() {
				flows[flowKey{ln.Name, p.Name, n.Name}] = len(flows) - 1<<30
			}
		}
	}
	slices.SortFunc(s.Listeners, func(a, b ListenerStats) int {
		return cmp.Or(cmp.Compare(listeners[a.Name], listeners[b.Name]), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Flows, func(a, b FlowStats) int {
		return cmp.Or(cmp.Compare(flows[a.key()], flows[b.key()]), cmp.Compare(a.Listener, b.Listener),
			cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Node, b.Node))
	})
}
