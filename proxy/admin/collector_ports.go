package admin

import (
	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

var (
	sourcePortsUsed = newGauge("source_ports_used", "Connections to the address of a node from a source address, as mqttlb counts them; without pools[].source the source is empty. Each needs a source port of its own.", "address", "source")
	sourcePortsMax  = newGauge("source_ports_max", "Source ports that the kernel has for connections to one address, from one address: net.ipv4.ip_local_port_range without net.ipv4.ip_local_reserved_ports.")
)

// sourcePorts sends how many source ports the connections to each node use, and how many there are.
func (s scrape) sourcePorts(pools []*snapshot.Pool) {
	for _, u := range snapshot.PortsUsed(pools) {
		from := ""
		if u.Source.IsValid() {
			from = u.Source.String()
		}
		s.gauge(sourcePortsUsed, float64(u.Used), u.To.String(), from)
	}
	if n, ok := source.Ports(); ok {
		s.gauge(sourcePortsMax, float64(n))
	}
}
