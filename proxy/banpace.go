package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// banPace limits how many addresses are banned. When a node refuses everybody, as without its user database, or
// when the configuration lacks a CA, good clients are refused again and again, and bans would keep them out when
// the fault is gone. So within bans.within only bansAlways addresses are banned, and beyond these one for each
// session that is accepted.
type banPace struct {
	accepted atomic.Int64 // sessions that credit does not have yet

	mu       sync.Mutex // guards the fields below
	began    int64      // of this time, in ns
	banned   int        // addresses since then, up to bansAlways
	credit   int64      // accepted sessions that no ban has used, up to bansAhead
	withheld uint64     // bans that were not made, since the start
	last     int64      // when the last of them was not made, in ns; 0: never
}

// take counts a ban, or reports that it is one too many.
func (p *banPace) take(within time.Duration, now int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began == 0 || now-p.began >= int64(within) {
		p.began, p.banned = now, 0
	}
	p.credit = min(p.credit+p.accepted.Swap(0), bansAhead)
	switch {
	case p.banned < bansAlways:
		p.banned++
	case p.credit > 0:
		p.credit--
	default:
		p.withheld++
		p.last = now
		return false
	}
	return true
}

// withholding returns how many bans were not made since the start, and when the last one was not.
func (p *banPace) withholding() (n uint64, last int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.withheld, p.last
}
