package discovery

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Status is what is known about a host name.
type Status struct {
	Host  string
	Nodes []string     // the names of its nodes, each once
	Addrs []netip.Addr // in force; the caller must not change them

	GoodAt   time.Time // of the last good answer; zero if there was none
	BadSince time.Time // the first look-up since then that had no good answer; zero if the last one has one
	Err      string    // why the last one has none
}

// Status returns the status of each host, sorted by name.
func (d *Discovery) Status() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]Status, 0, len(d.hosts))
	for _, h := range d.hosts {
		all = append(all, Status{
			Host: h.name, Nodes: h.nodeNames(), Addrs: h.last,
			GoodAt: h.goodAt, BadSince: h.badSince, Err: h.err,
		})
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Host, b.Host) })
	return all
}
