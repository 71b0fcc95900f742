package proxy

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mqttlb/proxy/outcome"
	"mqttlb/proxy/rate"
)

// Lines counts log lines by their kind.
type Lines struct{ Sessions, Requests, Debug uint64 }

// Sum returns the number of all lines.
func (l Lines) Sum() uint64 { return l.Sessions + l.Requests + l.Debug }

// lineKind is the kind of a line that a client causes.
type lineKind uint8

const (
	lineSession lineKind = iota
	lineRequest
	lineDebug // of an attempt to reach a node
	lineKinds
)

func (r *record) kind() lineKind {
	switch {
	case r.dialError != nil || r.retry != "" || r.leftOut != 0:
		return lineDebug
	case r.request != nil:
		return lineRequest
	}
	return lineSession
}

// lineCounts counts lines, from any goroutine.
type lineCounts [lineKinds]atomic.Uint64

func (c *lineCounts) lines() Lines {
	return Lines{c[lineSession].Load(), c[lineRequest].Load(), c[lineDebug].Load()}
}

// sampler limits the lines a second. The sessions that ended well share one limit, and those of each
// other outcome have one of their own, so that an attacker who causes one outcome neither fills the disk
// nor hides the others. The same holds for requests and their statuses.
type sampler struct {
	limits [sampled]limit
	counts lineCounts // left out
	epoch  time.Time
}

// limit is the limit of one outcome or status.
type limit struct {
	rate.Limiter
	left atomic.Uint64 // lines left out
}

// The limits of a sampler: of the sessions that ended well, at the place of the outcome None, of each
// outcome, of the requests that a node has answered, and of each status from 0 to 599.
const (
	wellEnded = int(outcome.None)
	served    = int(outcome.Count)
	statuses  = served + 1
	sampled   = statuses + 600
)

func (s *sampler) init() {
	s.epoch = time.Now()
	s.set(0)
}

// set sets how many lines of each kind pass in a second; 0: all.
func (s *sampler) set(perSecond int) {
	for i := range s.limits {
		s.limits[i].Set(perSecond)
	}
}

// take reports whether the line of a session or a request is written, and counts it otherwise.
func (s *sampler) take(r *record) bool {
	of := &s.limits[r.sampledAs()]
	if of.Take(int64(time.Since(s.epoch))) {
		return true
	}
	of.left.Add(1)
	s.counts[r.kind()].Add(1)
	return false
}

// sampledAs returns the index of the limit for a record.
func (r *record) sampledAs() int {
	switch {
	case r.request == nil && r.outcome.EndedWell():
		return wellEnded
	case r.request == nil:
		return int(r.outcome)
	case r.request.wellEnded():
		return served
	}
	return statuses + min(max(r.request.status, 0), 599)
}

// sampledName names the limit at an index, for the log.
func sampledName(i int) string {
	switch {
	case i == wellEnded:
		return "ended_well"
	case i < served:
		return outcome.Outcome(i).String()
	case i == served:
		return "requests_served"
	}
	return fmt.Sprintf("requests_%03d", i-statuses)
}

// leftOut is the state of a sampler and of the journal's queue at the last report.
type leftOut struct {
	of      [sampled]uint64
	dropped Lines
}

// report logs how many lines were left out since the last report, if any were.
func (j *journal) report(last *leftOut) {
	var total uint64
	var of []string
	for i := range j.sampler.limits {
		now := j.sampler.limits[i].left.Load()
		if n := now - last.of[i]; n > 0 {
			total += n
			of = append(of, fmt.Sprintf("%s:%d", sampledName(i), n))
		}
		last.of[i] = now
	}
	if total > 0 {
		slices.Sort(of)
		j.log.Info("lines were left out, as log.sample says", "lines", total, "of", strings.Join(of, " "))
	}
	if now := j.dropped.lines(); now != last.dropped {
		j.log.Warn("lines were dropped: they came faster than they are written", "sessions", now.Sessions-last.dropped.Sessions,
			"requests", now.Requests-last.dropped.Requests, "debug", now.Debug-last.dropped.Debug)
		last.dropped = now
	}
}
