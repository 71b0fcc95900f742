package snapshot

// Pools returns the pools of all listeners and routes and those that no listener uses, each once.
func (s *Snapshot) Pools() (pools []*Pool) {
	seen := map[*Pool]bool{nil: true} // a listener of protocol http has no pool of its own
	add := func(p *Pool) {
		if !seen[p] {
			seen[p] = true
			pools = append(pools, p)
		}
	}
	for _, ln := range s.Listeners {
		add(ln.Pool)
		for i := range ln.Routes {
			add(ln.Routes[i].Pool)
		}
	}
	for _, p := range s.UnusedPools {
		add(p)
	}
	return pools
}
