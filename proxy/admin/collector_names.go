package admin

import (
	"time"

	"mqttlb/balancer/discovery"
	"mqttlb/balancer/dns"
)

// Names is what is known of the host names of nodes.
type Names struct {
	Hosts   []discovery.Status
	Lookups dns.Counts
}

var (
	nameLookups    = newCounter("name_lookups_total", "Look-ups of host names since the start, by result.", "result")
	nameAddresses  = newGauge("name_addresses", "Addresses of a host name that are in force.", "name")
	nameAnswerAge  = newGauge("name_answer_age_seconds", "Time since the last good answer for a host name.", "name")
	nameUnresolved = newGauge("name_unresolved_seconds", "For how long the look-ups of a host name have had no good answer; 0: the last one had one.", "name")
)

// names sends how the host names of nodes resolve.
func (s scrape) names(n Names) {
	s.count(nameLookups, n.Lookups.Answered, "answered")
	s.count(nameLookups, n.Lookups.Empty, "empty")
	s.count(nameLookups, n.Lookups.Failed, "failed")
	for _, h := range n.Hosts {
		s.gauge(nameAddresses, float64(len(h.Addrs)), h.Host)
		if !h.GoodAt.IsZero() {
			s.gauge(nameAnswerAge, time.Since(h.GoodAt).Seconds(), h.Host)
		}
		unresolved := 0.0
		if !h.BadSince.IsZero() {
			unresolved = time.Since(h.BadSince).Seconds()
		}
		s.gauge(nameUnresolved, unresolved, h.Host)
	}
}
