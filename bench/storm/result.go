//go:build linux

package storm

import (
	"fmt"
	"time"
)

// Result is what happened in one scenario behind one balancer.
type Result struct {
	Clients int `json:"clients"`

	Refused  int `json:"refused"`   // CONNECTs that failed: TCP refused, or a CONNACK with an error
	TimedOut int `json:"timed_out"` // no CONNACK within the clients' patience
	Reset    int `json:"reset"`     // closed or reset before a CONNACK
	Attempts int `json:"attempts"`  // CONNECTs of clients
	Losses   int `json:"losses"`    // sessions that ended
	Sent     int `json:"sent"`      // those that the balancer ended, to send the client to another node
	Absent   int `json:"absent"`    // clients that are not in at the end

	// From the first CONNECT to the CONNACK, the failed attempts between them included.
	WaitP50 time.Duration `json:"wait_p50"`
	WaitP99 time.Duration `json:"wait_p99"`
	WaitMax time.Duration `json:"wait_max"`
	Absence time.Duration `json:"absence"` // longest from the end of a session to the CONNACK of the next

	Calm  time.Duration `json:"calm"`   // until at most 5 % of the clients were absent for good; negative: never
	AllIn time.Duration `json:"all_in"` // until none was; negative: never

	// AllBack is AllIn without the clients that the balancer has sent from a node that was there to
	// another one, which goes on after the storm.
	AllBack time.Duration `json:"all_back"`

	Peak100ms int64 `json:"peak_100ms"` // most connections that came to a node in any 100 ms
	Peak1s    int64 `json:"peak_1s"`    // and in any second
	Queue     int64 `json:"queue"`      // longest queue of a node's kernel
	Full      int   `json:"full"`       // connections that nodes closed at their limit
	Leaving   int   `json:"leaving"`    // CONNECTs that an evacuated node refused

	Sessions []int `json:"sessions"` // of each node at the end
	Acked    int   `json:"acked"`    // PUBLISHes with a PUBACK
	Missing  int   `json:"missing"`  // those of them that no node has

	CPU     time.Duration `json:"cpu"`     // of the balancer
	Elapsed time.Duration `json:"elapsed"` // the whole storm

	changes []change
}

// result ends the storm and adds up what happened.
func (s *stage) result() (*Result, error) {
	r := &Result{Clients: len(s.clients)}
	cpu, err := s.balancer.CPU()
	if err != nil {
		s.balancer.Stop()
		return nil, fmt.Errorf("the balancer has ended: %w\n%s", err, s.balancer.Output())
	}
	r.CPU = cpu - s.cpu
	for _, n := range s.nodes {
		r.Sessions = append(r.Sessions, n.count())
		r.Peak100ms = max(r.Peak100ms, n.arrivals.peak(100*time.Millisecond))
		r.Peak1s = max(r.Peak1s, n.arrivals.peak(time.Second))
		r.Queue = max(r.Queue, n.arrivals.longestQueue())
		r.Full += n.turnedAway(refusedFull)
		r.Leaving += n.turnedAway(refusedLeaving)
	}
	s.record.addTo(r)
	s.stopClients()
	s.wg.Wait()
	for _, c := range s.clients { // they have ended: nothing else uses their fields
		r.Acked += int(c.acked)
		r.Missing += s.ledger.missing(c.number, c.acked)
	}
	return r, nil
}

// addTo adds what the clients noticed.
func (rec *record) addTo(r *Result) {
	waits := rec.allWaits()
	if len(waits) > 0 {
		r.WaitP50, r.WaitP99, r.WaitMax = quantile(waits, 0.5), quantile(waits, 0.99), waits[len(waits)-1]
	}
	r.Absence = rec.longestAbsence()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	r.Refused, r.TimedOut, r.Reset = rec.failures[failedRefused], rec.failures[failedTimedOut], rec.failures[failedReset]
	r.Attempts, r.Losses, r.Absent = rec.attempts, rec.losses, len(rec.clients)-rec.in
	r.Elapsed = time.Since(rec.began)
	r.Sent = rec.sent
	r.Calm = calm(rec.changes, absent, len(rec.clients)/20)
	r.AllIn = calm(rec.changes, absent, 0)
	r.AllBack = calm(rec.changes, lost, 0)
	r.changes = rec.changes
}

// quantile returns the value of sorted that the share q of all does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// failed returns the number of failed CONNECTs.
func (r *Result) failed() int { return r.Refused + r.TimedOut + r.Reset }

func (r *Result) summary() string {
	return fmt.Sprintf("%d CONNECTs failed, longest wait %s, all back after %s", r.failed(), seconds(r.WaitMax), seconds(r.AllBack))
}

// seconds formats a time of at least 0, or says that it never came.
func seconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
