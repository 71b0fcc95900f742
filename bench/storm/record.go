//go:build linux

package storm

import (
	"slices"
	"sync"
	"time"
)

// record is what the clients noticed.
type record struct {
	mu      sync.Mutex // guards the fields below
	in      int        // clients that are in
	absent  int        // clients that want to be in and are not
	away    int        // those of them that the balancer has sent away
	clients []presence
	events
}

// events are what the clients noticed since a time.
type events struct {
	began    time.Time
	attempts int
	failures [failureKinds]int
	waits    []time.Duration // from the first CONNECT after a loss to the CONNACK
	absences []time.Duration // from the loss to the CONNACK
	losses   int
	sent     int // sessions that the balancer has ended
	changes  []change
}

func absent(c change) int { return c.absent }
func lost(c change) int   { return c.lost }

// change is a new number of clients that are in or absent.
type change struct {
	at         time.Duration // since began
	in, absent int
	lost       int // absent clients that the balancer has not sent away
}

// presence is whether a client is in, and since when not.
type presence struct {
	in      bool
	away    bool      // the balancer has ended the session; the client may not have noticed it yet
	lost    time.Time // when the connection ended; for a client that was never in, its first CONNECT
	left    int       // the change that it made when it left
	waiting time.Time // the first CONNECT since; zero: none yet
}

func newRecord(clients int) *record {
	return &record{clients: make([]presence, clients), events: events{began: time.Now()}}
}

// begin forgets what was before, except for who is in: now the storm begins.
func (r *record) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.clients {
		r.clients[i].left = 0
	}
	r.events = events{began: time.Now(), changes: []change{{0, r.in, r.absent, r.absent - r.away}}}
}

func (r *record) attempt(client uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts++
	p := &r.clients[client]
	if p.waiting.IsZero() {
		p.waiting = time.Now()
	}
	if p.lost.IsZero() { // a new client
		p.lost = p.waiting
		r.absent++
		r.changeLocked()
	}
}

func (r *record) failed(f failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[f]++
}

func (r *record) entered(client uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.clients[client]
	r.waits = append(r.waits, time.Since(p.waiting))
	r.absences = append(r.absences, time.Since(p.lost))
	if p.away {
		r.away--
	}
	*p = presence{in: true}
	r.in++
	r.absent--
	r.changeLocked()
}

func (r *record) left(client uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &r.clients[client]
	if p.away {
		r.away++
	}
	*p = presence{lost: time.Now(), away: p.away, left: len(r.changes)}
	r.losses++
	r.in--
	r.absent++
	r.changeLocked()
}

// sentAway notes that the balancer has ended the session of a client, whose node was there: it belongs on
// another one. The client notices it a moment earlier or later.
func (r *record) sentAway(client uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent++
	switch p := &r.clients[client]; {
	case p.away:
	case p.in:
		p.away = true
	case !p.lost.IsZero() && p.waiting.IsZero(): // otherwise it comes again, and gives up itself
		p.away = true
		r.away++
		for i := range r.changes[p.left:] {
			r.changes[p.left+i].lost--
		}
	}
}

func (r *record) changeLocked() {
	r.changes = append(r.changes, change{time.Since(r.began), r.in, r.absent, r.absent - r.away})
}

// present returns the number of clients that are in, and how long it has not changed.
func (r *record) present() (in int, quiet time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := time.Duration(0)
	if len(r.changes) > 0 {
		last = r.changes[len(r.changes)-1].at
	}
	return r.in, time.Since(r.began) - last
}

// allWaits returns the waits, sorted. Clients that wait still count with their wait so far.
func (r *record) allWaits() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	waits := slices.Clone(r.waits)
	for _, p := range r.clients {
		if !p.in && !p.waiting.IsZero() {
			waits = append(waits, time.Since(p.waiting))
		}
	}
	slices.Sort(waits)
	return waits
}

// longestAbsence includes clients that are still absent.
func (r *record) longestAbsence() (longest time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.absences {
		longest = max(longest, a)
	}
	for _, p := range r.clients {
		if !p.in && !p.lost.IsZero() {
			longest = max(longest, time.Since(p.lost))
		}
	}
	return longest
}

// calm returns when a number of clients fell to at most allowed for good, or -1 if it has not.
func calm(changes []change, number func(change) int, allowed int) (at time.Duration) {
	quiet := true
	for _, c := range changes {
		before := quiet
		quiet = number(c) <= allowed
		if quiet && !before {
			at = c.at
		}
	}
	if !quiet {
		return -1
	}
	return at
}
