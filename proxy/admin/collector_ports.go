package admin

import (
	"fmt"
	"net/netip"
	"os"

	"mqttlb/proxy/snapshot"
)

var (
	sourcePortsUsed = newGauge("source_ports_used", "Connections to the address of a node, as mqttlb counts them. Each needs a source port of its own.", "address")
	sourcePortsMax  = newGauge("source_ports_max", "Source ports that the kernel has for connections to one address, from one address: net.ipv4.ip_local_port_range.")
)

// portRange is the kernel's range of source ports. It belongs to the network namespace of the process.
const portRange = "/proc/sys/net/ipv4/ip_local_port_range"

// sourcePorts sends how many source ports the connections to each node use, and how many there are.
// Nodes of several pools can have one address.
func (s scrape) sourcePorts(pools []*snapshot.Pool) {
	used := map[netip.AddrPort]int64{}
	for _, p := range pools {
		for _, n := range p.Nodes() {
			for addr, open := range n.OpenAt() { // empty while its name is not resolved
				used[addr] += open
			}
		}
	}
	for addr, n := range used {
		s.gauge(sourcePortsUsed, float64(n), addr.String())
	}
	if n, ok := sourcePorts(); ok {
		s.gauge(sourcePortsMax, float64(n))
	}
}

// sourcePorts returns the size of the range, and false on systems without one.
func sourcePorts() (n int, ok bool) {
	b, err := os.ReadFile(portRange)
	if err != nil {
		return 0, false
	}
	var first, last int
	if _, err := fmt.Sscan(string(b), &first, &last); err != nil {
		return 0, false
	}
	return last - first + 1, true
}
