package admin

import (
	"fmt"

	"mqttlb/proxy"
)

var (
	connacks      = newCounter("node_connacks_total", "CONNACKs of a node, by reason code (MQTT 5) or return code (3.1 and 3.1.1).", "pool", "node", "code")
	retries       = newCounter("confirm_retries_total", "Clients that went on to the next candidate because a node did not accept them, by reason.", "pool", "node", "reason")
	unanswered    = newCounter("node_unanswered_total", "Sessions that a node has given no CONNACK, whether another node was tried or not, by reason.", "pool", "node", "reason")
	disconnects   = newCounter("node_disconnects_total", "DISCONNECTs of MQTT 5 with which a node has ended sessions, by reason code.", "pool", "node", "code")
	timeToConnack = newHistogram("time_to_connack_seconds", "From the accept of a client to the CONNACK of its node, whatever its code.", "pool", "node")
	nodeDial      = newHistogram("node_dial_seconds", "To make a connection to a node, with its TLS handshake.", "pool", "node")
	duration      = newHistogram("session_duration_seconds", "Sessions that have ended, from accept to end.", "pool", "node")
)

// nodeAnswers is what a node has answered, over all listeners that lead to it.
type nodeAnswers struct {
	pool, node            string
	connacks, disconnects map[uint8]uint64
	retries, unanswered   [proxy.RetryReasons]uint64
	proxy.Times
}

// answers sends what the nodes have answered, and how long they took.
func (s scrape) answers(flows []proxy.FlowStats) {
	for _, n := range answersOf(flows) {
		for code, times := range n.connacks {
			s.count(connacks, times, n.pool, n.node, hex(code))
		}
		for reason, times := range n.retries {
			s.count(retries, times, n.pool, n.node, proxy.RetryReason(reason).String())
		}
		for reason, times := range n.unanswered {
			if why := proxy.RetryReason(reason); why != proxy.RetryConnack {
				s.count(unanswered, times, n.pool, n.node, why.String())
			}
		}
		for code, times := range n.disconnects {
			s.count(disconnects, times, n.pool, n.node, hex(code))
		}
		s.histogram(timeToConnack, &n.TimeToConnack, n.pool, n.node)
		s.histogram(nodeDial, &n.Dial, n.pool, n.node)
		s.histogram(duration, &n.Duration, n.pool, n.node)
	}
}

// answersOf adds up the flows of each node.
func answersOf(flows []proxy.FlowStats) []*nodeAnswers {
	type name struct{ pool, node string }
	var all []*nodeAnswers
	at := map[name]*nodeAnswers{}
	for i := range flows {
		f := &flows[i]
		n := at[name{f.Pool, f.Node}]
		if n == nil {
			n = &nodeAnswers{
				pool: f.Pool, node: f.Node,
				connacks: map[uint8]uint64{0: 0}, disconnects: map[uint8]uint64{}, // 0 is the good answer, and there from the start
			}
			at[name{f.Pool, f.Node}] = n
			all = append(all, n)
		}
		for code, times := range f.Connacks {
			n.connacks[code] += times
		}
		for reason, times := range f.Retries {
			n.retries[reason] += times
		}
		for reason, times := range f.Unanswered {
			n.unanswered[reason] += times
		}
		for code, times := range f.Disconnects {
			n.disconnects[code] += times
		}
		n.TimeToConnack.Add(&f.TimeToConnack)
		n.Dial.Add(&f.Dial)
		n.Duration.Add(&f.Duration)
	}
	return all
}

// hex writes a code as the specification of MQTT does.
func hex(code uint8) string { return fmt.Sprintf("0x%02X", code) }
