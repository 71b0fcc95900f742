package admin

import "mqttlb/proxy"

var (
	rebalanceFound = newCounter("rebalance_sessions_found_total", "Sessions of a pool that were found to be on another node than their first one, which takes them again.", "pool")
	rebalanceMoved = newCounter("rebalance_sessions_moved_total", "Sessions of a pool that were told to return to their first node.", "pool")
	rebalanceLeft  = newGauge("rebalance_sessions_left", "Sessions of a pool that are still to be told to return to their first node; 0: no rebalance goes on.", "pool")
	rebalanceRate  = newGauge("rebalance_sessions_per_second", "The pace of the sessions of a pool that return now; 0: no rebalance goes on.", "pool")
)

// rebalances sends how far the sessions of each pool have returned.
func (s scrape) rebalances(pools map[string]proxy.RebalanceProgress) {
	for pool, p := range pools {
		s.count(rebalanceFound, p.TotalFound, pool)
		s.count(rebalanceMoved, p.TotalMoved, pool)
		s.gauge(rebalanceLeft, float64(p.Left), pool)
		if !p.Active {
			p.PerSecond = 0
		}
		s.gauge(rebalanceRate, p.PerSecond, pool)
	}
}
