package admin

import "mqttlb/balancer/nodeset"

var (
	discoveryNodes    = newGauge("discovery_nodes", "Nodes that the source of a pool has given.", "pool", "source")
	discoveryLast     = newGauge("discovery_last_answer_timestamp_seconds", "When the source of a pool last gave an answer that could be used, in Unix time; no series before.", "pool", "source")
	discoveryFailing  = newGauge("discovery_failing", "1 while the last answer of the source of a pool could not be used.", "pool", "source")
	discoveryEmpty    = newGauge("discovery_empty", "1 while the source of a pool says that there are no nodes.", "pool", "source")
	discoveryFailures = newCounter("discovery_failures_total", "Times that the source of a pool gave no answer that could be used.", "pool", "source")
	discoveryChanges  = newCounter("discovery_changes_total", "Changes of the nodes that the source of a pool has given.", "pool", "source")
)

// discovery sends the state of the sources of nodes.
func (s scrape) discovery(all []nodeset.Status) {
	for _, d := range all {
		kind := d.Kind.String()
		s.gauge(discoveryNodes, float64(len(d.Nodes)), d.Pool, kind)
		if !d.LastGood.IsZero() {
			s.gauge(discoveryLast, unixTime(d.LastGood), d.Pool, kind)
		}
		s.flag(discoveryFailing, d.Err != nil, d.Pool, kind)
		s.flag(discoveryEmpty, !d.Empty.IsZero(), d.Pool, kind)
		s.count(discoveryFailures, d.Failures, d.Pool, kind)
		s.count(discoveryChanges, d.Changes, d.Pool, kind)
	}
}
