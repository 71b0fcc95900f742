package main

import "mqttlb/balancer/health"

// probes returns what the health checks have found about the nodes of each pool.
func (s *server) probes() map[string][]health.Status {
	all := map[string][]health.Status{}
	for pool, checker := range s.plan.Load().checkers {
		all[pool] = checker.Status()
	}
	return all
}
