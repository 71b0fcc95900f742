package nodeset

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"mqttlb/balancer"
	"mqttlb/balancer/dns"
)

// byService makes a node of each SRV record.
func (w *watched) byService(ctx context.Context) ([]Node, time.Duration, error) {
	records, ttl, err := w.sets.resolver.LookupSRV(ctx, w.Name)
	if err != nil {
		return nil, ttl, err
	}
	nodes, err := serviceNodes(records)
	return nodes, ttl, err
}

// serviceNodes makes nodes of records. A single target "." says that there is no such service.
func serviceNodes(records []dns.SRV) ([]Node, error) {
	records = slices.DeleteFunc(slices.Clone(records), func(r dns.SRV) bool { return r.Target == "" || r.Target == "." })
	// Of two records for one port the one that comes first counts.
	slices.SortFunc(records, func(a, b dns.SRV) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Priority, b.Priority), cmp.Compare(b.Weight, a.Weight))
	})
	records = slices.CompactFunc(records, func(a, b dns.SRV) bool { return a.Target == b.Target && a.Port == b.Port })
	weights := weightsOf(records)
	nodes := make([]Node, len(records))
	for i, r := range records {
		switch {
		case !isHost(r.Target):
			return nil, fmt.Errorf("the target %.80q of an SRV record is not a host name", r.Target)
		case r.Port == 0:
			return nil, fmt.Errorf("the SRV record of %s has port 0; it must be 1 to 65535", r.Target)
		}
		text := r.Target
		sharesTarget := func(o dns.SRV) bool { return o.Target == r.Target && o.Port != r.Port }
		if slices.ContainsFunc(records, sharesTarget) {
			text = net.JoinHostPort(r.Target, strconv.Itoa(int(r.Port)))
		}
		nodes[i] = Node{Name: text, Host: r.Target, Port: r.Port, Weight: weights[i], Priority: int(r.Priority)}
	}
	sortNodes(nodes)
	return nodes, nil
}

// weightsOf returns our weights of records, whose weights are from 0 to 65535 and count among those of the same
// priority. They keep their proportions, so that the weights of the others do not matter to the hash. A weight of 0
// is for a very small share (RFC 2782), beside others that have more.
func weightsOf(records []dns.SRV) []int {
	type span struct {
		most uint16
		zero bool
	}
	of := map[uint16]span{} // by priority
	for _, r := range records {
		s := of[r.Priority]
		of[r.Priority] = span{max(s.most, r.Weight), s.zero || r.Weight == 0}
	}
	weights := make([]int, len(records))
	for i, r := range records {
		s, weight := of[r.Priority], int(r.Weight)
		switch most := int(s.most); {
		case most > balancer.MaxWeight:
			weight = (weight*balancer.MaxWeight + most/2) / most
		case s.zero && most > 0:
			weight *= balancer.MaxWeight / most
		}
		weights[i] = max(weight, 1)
	}
	return weights
}
