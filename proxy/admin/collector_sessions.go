package admin

import "mqttlb/proxy"

var (
	sessionsOpen  = newGauge("sessions_open", "Sessions that are open on a node.", "listener", "pool", "node")
	sessionsTotal = newCounter("sessions_total", "Sessions that reached a node.", "listener", "pool", "node")
	dialErrors    = newCounter("dial_errors_total", "Attempts to reach a node that failed.", "listener", "pool", "node")
	bytesTotal    = newCounter("bytes_total", "Bytes forwarded, CONNECT and CONNACK included, PROXY headers not: received from clients, sent to clients.", "listener", "pool", "node", "direction")
)

// The directions of bytes and packets, as clients see them from here.
const (
	received = "received" // from clients
	sent     = "sent"     // to clients
)

// flows sends what is counted for the sessions of each listener on each node.
func (s scrape) flows(all []proxy.FlowStats) {
	for i := range all {
		f := &all[i]
		s.gauge(sessionsOpen, float64(f.Open), f.Listener, f.Pool, f.Node)
		s.count(sessionsTotal, f.Total, f.Listener, f.Pool, f.Node)
		s.count(dialErrors, f.DialErrors, f.Listener, f.Pool, f.Node)
		s.count(bytesTotal, f.Received, f.Listener, f.Pool, f.Node, received)
		s.count(bytesTotal, f.Sent, f.Listener, f.Pool, f.Node, sent)
	}
}
