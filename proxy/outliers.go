package proxy

import (
	"fmt"
	"time"

	"mqttlb/balancer"
)

// runJudge decides every judgeInterval which nodes are outliers, and which bans are over, until the stop.
func (srv *Server) runJudge() {
	next := time.NewTicker(judgeInterval)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			srv.judge()
			srv.tidyBans()
		case <-srv.stopping:
			return
		}
	}
}

// judge judges the nodes of all pools and logs what has changed: for each outlier a line at the beginning
// and one at the end of its time, which is 10 s or more.
func (srv *Server) judge() {
	srv.host.read()
	srv.reportTiers()
	for _, p := range srv.current.Load().Pools() {
		for _, v := range p.Judge() {
			srv.logVerdict(p.Name, v)
		}
		srv.reportSilences(p)
		srv.findLoops(p)
	}
}

func (srv *Server) logVerdict(pool string, v balancer.Verdict) {
	if v.Outlier {
		srv.log.Warn("node is an outlier: it is tried after the others", "node", v.Node.Name, "pool", pool, "address", v.Node.Address,
			"failed", percent(v.Failed), "peers", percent(v.Peers), "for", v.For)
		return
	}
	srv.log.Info("node is no outlier any more", "node", v.Node.Name, "pool", pool, "address", v.Node.Address)
}

// percent formats a part for the log.
func percent(part float64) string { return fmt.Sprintf("%.3g%%", 100*part) }
