package main

import (
	"fmt"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/source"
)

// portShare is the share of the source ports from which on there is an alarm, in per cent. The rest is 5,600 ports,
// and those in TIME_WAIT take a part of it.
const portShare = 80

// sourceAlarms reports source addresses that cannot be used, and pairs of a source and a node that have few ports left.
func (p *plan) sourceAlarms(add func(name, subject, text string)) {
	for _, pool := range p.pools {
		for _, fault := range sourceFaults(pool.Source) {
			add("source_address_missing", pool.Name+"/"+fault.Source.String(), fault.Error()+"; connections to the nodes begin at the others")
		}
	}
	most, known := source.Ports()
	if !known {
		return
	}
	for _, u := range snapshot.PortsUsed(p.pools) {
		if u.Used*100 < int64(most)*portShare {
			continue
		}
		subject, more := u.To.String(), "widen net.ipv4.ip_local_port_range, or write addresses of this host to pools[].source"
		if u.Source.IsValid() {
			subject, more = u.Source.String()+" to "+subject, "add addresses to pools[].source, or widen net.ipv4.ip_local_port_range"
		}
		add("source_ports_nearly_used", subject, fmt.Sprintf("%d of %d source ports are in use, and without one sessions are refused: %s", u.Used, most, more))
	}
}
