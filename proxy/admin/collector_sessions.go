package admin

import (
	"strconv"

	"mqttlb/mqttparse"
	"mqttlb/proxy"
	"mqttlb/proxy/snapshot"
)

var (
	sessionsOpen = newGauge("sessions_open", "Sessions that are open on a node, by the protocol of their listener and their version of MQTT.",
		"listener", "protocol", "pool", "node", "version")
	sessionsTotal  = newCounter("sessions_total", "Sessions that reached a node.", "listener", "pool", "node")
	dialErrors     = newCounter("dial_errors_total", "Attempts to reach a node that failed.", "listener", "pool", "node")
	passedOver     = newCounter("node_addresses_passed_over_total", "Addresses of a node at which it was not reached before it was reached at another one.", "listener", "pool", "node")
	dialShortages  = newCounter("dial_shortages_total", "Attempts to reach a node that were not made: mqttlb had no source port, source address, descriptor or memory. The node is not to blame.", "listener", "pool", "node")
	bytesTotal     = newCounter("bytes_total", "Bytes forwarded, CONNECT and CONNACK included, PROXY headers not: received from clients, sent to clients.", "listener", "pool", "node", "direction")
	packetsTotal   = newCounter("packets_total", "Packets of MQTT forwarded: received from clients, sent to clients.", "listener", "pool", "node", "direction")
	publishesTotal = newCounter("publishes_total", "The PUBLISH packets among mqttlb_packets_total, by QoS.", "listener", "pool", "node", "direction", "qos")
)

// The directions of bytes and packets, as clients see them from here.
const (
	received = "received" // from clients
	sent     = "sent"     // to clients
)

// versions are the versions of MQTT that a listener can have sessions of.
var versions = [...]mqttparse.Version{mqttparse.V31, mqttparse.V311, mqttparse.V5}

// noVersion is the label of sessions whose CONNECT is not read.
var noVersion = mqttparse.Version(0)

// flows sends what is counted for the sessions of each listener on each node.
func (s scrape) flows(stats *proxy.Stats) {
	for i := range stats.Flows {
		f := &stats.Flows[i]
		s.count(sessionsTotal, f.Total, f.Listener, f.Pool, f.Node)
		s.count(dialErrors, f.DialErrors, f.Listener, f.Pool, f.Node)
		if f.PassedOver > 0 { // few nodes have several addresses
			s.count(passedOver, f.PassedOver, f.Listener, f.Pool, f.Node)
		}
		s.count(dialShortages, f.Shortages, f.Listener, f.Pool, f.Node)
		s.count(bytesTotal, f.Received, f.Listener, f.Pool, f.Node, received)
		s.count(bytesTotal, f.Sent, f.Listener, f.Pool, f.Node, sent)
		protocol := snapshot.MQTT
		if l := stats.Listener(f.Listener); l != nil {
			protocol = l.Protocol
		}
		s.open(f, protocol)
		if !protocol.Opaque() {
			s.packets(f, &f.Packets[proxy.ToNode], received)
			s.packets(f, &f.Packets[proxy.ToClient], sent)
		}
	}
}

// open sends the open sessions of a flow. Those without a version have a series only where there can
// be some: on a listener that does not read MQTT.
func (s scrape) open(f *proxy.FlowStats, protocol snapshot.Protocol) {
	of := func(v mqttparse.Version) {
		n := f.OpenByVersion[proxy.VersionIndex(v)]
		s.gauge(sessionsOpen, float64(n), f.Listener, protocol.String(), f.Pool, f.Node, v.String())
	}
	if f.OpenByVersion[proxy.VersionIndex(noVersion)] > 0 || protocol.Opaque() {
		of(noVersion)
	}
	for _, v := range versions {
		if !protocol.Opaque() {
			of(v)
		}
	}
}

// packets sends the packets of a flow in one direction.
func (s scrape) packets(f *proxy.FlowStats, n *proxy.PacketStats, direction string) {
	s.count(packetsTotal, n.Packets, f.Listener, f.Pool, f.Node, direction)
	for qos, n := range n.Publish {
		s.count(publishesTotal, n, f.Listener, f.Pool, f.Node, direction, strconv.Itoa(qos))
	}
}
