package proxy

import "mqttlb/balancer"

// reportTiers logs which nodes new sessions go to, for each pool in which these are other ones than a moment
// ago. Only runJudge calls it.
func (srv *Server) reportTiers() {
	seen := map[string]balancer.Precedence{} // the pools that use others than their first nodes
	for _, p := range srv.current.Load().Pools() {
		in, place := p.InUse()
		before, later := srv.laterInUse[p.Name]
		switch {
		case place == 0: // nothing is known until a node is up
			if later {
				seen[p.Name] = before
			}
		case place > 1:
			if seen[p.Name] = in; !later || in != before {
				srv.log.Warn("later nodes are in use: no node before them is up", "pool", p.Name, "in_use", in.String())
			}
		case later:
			srv.log.Info("the first nodes are in use again", "pool", p.Name)
		}
	}
	srv.laterInUse = seen
}
