package admin

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"mqttlb/balancer"
	"mqttlb/proxy/outcome"
	"mqttlb/proxy/tlsterm"
)

// collector reads its sources at each scrape.
type collector struct{ Sources }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("mqttlb_"+name, help, labels, nil)
}

var (
	connectionsOpen     = describe("connections_open", "Client connections that are open, from accept to end.", "listener")
	connectionsAccepted = describe("connections_accepted_total", "Client connections accepted.", "listener")
	outcomes            = describe("outcomes_total", "Client connections that have ended, by how.", "listener", "outcome")
	refusals            = describe("refusals_total", "Client connections that were refused, by reason. Each is among mqttlb_outcomes_total too: do not add them.", "listener", "reason")
	httpAnswers         = describe("http_answers_total", "HTTP requests that mqttlb answered and no node, by status.", "listener", "status")
	tlsHandshakes       = describe("tls_handshakes_total", "TLS handshakes, by how they ended; resumed ones are among those done.", "listener", "result")
	tlsWaiting          = describe("tls_handshakes_waiting", "Clients that wait for their TLS handshake to begin.", "listener")
	tlsExpiry           = describe("tls_file_expiry_timestamp_seconds", "When the certificate, CA or CRL in force is not valid any more, in Unix time.", "listener", "kind", "file")
	tlsBroken           = describe("tls_file_broken", "1 while a file's content cannot be used and what was good before is in force.", "listener", "kind", "file")
	nodeTLSHandshakes   = describe("node_tls_handshakes_total", "TLS handshakes of sessions with a node, by how they ended; resumed ones are among those done.", "pool", "node", "result")
	nodeTLSWaiting      = describe("node_tls_handshakes_waiting", "Sessions that wait for their TLS handshake with a node to begin.", "pool", "node")
	nodeTLSExpiry       = describe("node_tls_file_expiry_timestamp_seconds", "When the CA or certificate in force for a pool is not valid any more, in Unix time.", "pool", "kind", "file")
	nodeTLSBroken       = describe("node_tls_file_broken", "1 while a file's content cannot be used and what was good before is in force.", "pool", "kind", "file")
	sessionsOpen        = describe("sessions_open", "Sessions that are open on a node.", "listener", "pool", "node")
	sessionsTotal       = describe("sessions_total", "Sessions that reached a node.", "listener", "pool", "node")
	bytesTotal          = describe("bytes_total", "Bytes forwarded, CONNECT and CONNACK included, PROXY headers not: received from clients, sent to clients.", "listener", "pool", "node", "direction")
	nodeState           = describe("node_state", "1 for the state that a node is in, 0 for the others.", "pool", "node", "state")
	nodeOpen            = describe("node_connections", "Connections that count against a node's max_connections, those being dialled included.", "pool", "node")
	maxConnections      = describe("max_connections", "Client connections that are taken at the same time: limits.max_connections, or fewer where the descriptor limit is lower.")
	acceptErrors        = describe("accept_errors_total", "Accepts that failed for want of descriptors or memory.")
	dialErrors          = describe("dial_errors_total", "Connections to a node that could not be made.", "listener", "pool", "node")
)

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	handshakes := func(d *prometheus.Desc, h tlsterm.GateCounts, of ...string) {
		count(d, h.Done, append(of, "done")...)
		count(d, h.Resumed, append(of, "resumed")...)
		count(d, h.Failed, append(of, "failed")...)
		count(d, h.Abandoned, append(of, "abandoned")...)
	}
	files := func(broken, expiry *prometheus.Desc, of string, list []tlsterm.CertificateStatus) {
		for _, f := range list {
			v := 0.0
			if f.Err != nil {
				v = 1
			}
			gauge(broken, v, of, string(f.Kind), f.File)
			if !f.NotAfter.IsZero() {
				gauge(expiry, float64(f.NotAfter.Unix()), of, string(f.Kind), f.File)
			}
		}
	}
	stats := c.Server.Stats()
	for _, l := range stats.Listeners {
		name := l.Name
		gauge(connectionsOpen, float64(l.Open), name)
		count(connectionsAccepted, l.Accepted, name)
		for o, n := range l.Outcomes {
			switch o := outcome.Outcome(o); {
			case o == 0:
				continue
			case o.Refused():
				count(refusals, n, name, o.String())
				fallthrough
			default:
				count(outcomes, n, name, o.String())
			}
		}
	}
	for _, l := range stats.Listeners {
		for status, n := range l.Answers {
			count(httpAnswers, n, l.Name, strconv.Itoa(status))
		}
		if !l.TLS {
			continue
		}
		name, h := l.Name, l.Handshakes
		gauge(tlsWaiting, float64(h.Waiting), name)
		handshakes(tlsHandshakes, h, name)
		count(tlsHandshakes, h.Refused, name, "refused")
		files(tlsBroken, tlsExpiry, name, l.Certificates)
	}
	for _, f := range stats.Flows {
		labels := []string{f.Listener, f.Pool, f.Node}
		gauge(sessionsOpen, float64(f.Open), labels...)
		count(sessionsTotal, f.Total, labels...)
		count(dialErrors, f.DialErrors, labels...)
		count(bytesTotal, f.Received, append(labels, "received")...)
		count(bytesTotal, f.Sent, append(labels, "sent")...)
	}
	for _, p := range c.Pools() {
		if t := p.TLS; t != nil {
			for _, n := range p.Nodes() {
				h := t.Gates[n.Name].Counts()
				gauge(nodeTLSWaiting, float64(h.Waiting), p.Name, n.Name)
				handshakes(nodeTLSHandshakes, h, p.Name, n.Name)
			}
			files(nodeTLSBroken, nodeTLSExpiry, p.Name, t.Originator.Status())
		}
		for _, n := range p.Nodes() {
			for _, s := range []balancer.State{balancer.Up, balancer.Draining, balancer.Down} {
				v := 0.0
				if n.State() == s {
					v = 1
				}
				gauge(nodeState, v, p.Name, n.Name, s.String())
			}
			gauge(nodeOpen, float64(n.Open()), p.Name, n.Name)
		}
	}
	if c.Reloads != nil {
		reloads := c.Reloads()
		reloads.collect(ch)
	}
	gauge(maxConnections, float64(stats.MaxConnections))
	count(acceptErrors, stats.AcceptErrors)
	var lines Lines
	if c.LinesDropped != nil {
		lines = c.LinesDropped()
	}
	collectLines(ch, lines, &stats)
}
