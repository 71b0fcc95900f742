package proxy

// checkCounts checks that the counters of a server without sessions agree with each other.
func (r *rig) checkCounts(stats *Stats) {
	r.t.Helper()
	if stats.KeptBytes != 0 || stats.OpeningMemory != 0 {
		r.t.Errorf("%d bytes kept, %d bytes of openings after the end", stats.KeptBytes, stats.OpeningMemory)
	}
	for _, l := range stats.Listeners {
		if n := l.Handshake.Count(); l.TLS && n > l.Handshakes.Done {
			r.t.Errorf("listener %s: %d handshakes measured, %d done", l.Name, n, l.Handshakes.Done)
		}
	}
	for _, f := range stats.Flows {
		if f.OpenByVersion != [4]int64{} {
			r.t.Errorf("node %s: open by version after the end: %v", f.Node, f.OpenByVersion)
		}
		var connacks uint64
		for _, n := range f.Connacks {
			connacks += n
		}
		var retries uint64
		for _, n := range f.Retries {
			retries += n
		}
		ended, dialled := f.Duration.Count(), f.Dial.Count()
		if f.TimeToConnack.Count() != connacks || ended > f.Total || dialled < f.Total || f.Total-ended > f.DialErrors+retries {
			r.t.Errorf("node %s: %d CONNACKs and %d measured, %d sessions of %d measured, %d connections, %d failed", f.Node,
				connacks, f.TimeToConnack.Count(), ended, f.Total, dialled, f.DialErrors)
		}
	}
}
