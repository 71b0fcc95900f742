package proxy

import (
	"time"

	"mqttlb/balancer"
)

// flow is shared by the sessions of one listener on one node, on one loop.
type flow struct {
	FlowStats // without Times
	times     flowTimes
	node      *balancer.Node // from the last generation that had a session here; it shares its state with earlier ones of the name
}

// flowTimes are the durations that a flow's sessions have taken.
type flowTimes struct{ connack, dial, session histogram }

// enter counts a session that begins its time on the node.
func (f *flow) enter(s *session) {
	f.Open++
	f.Total++
	f.OpenByVersion[VersionIndex(s.version)]++
	s.visit = f.node.BeginVisit(s.pending.dialled)
}

// leave counts a session that is not on the node any more.
func (f *flow) leave(s *session) {
	f.Open--
	f.OpenByVersion[VersionIndex(s.version)]--
	f.node.EndVisit(s.visit)
	s.visit = 0
}

// ended counts the end of a session.
func (f *flow) ended(s *session, after time.Duration) {
	f.leave(s)
	f.times.session.observe(&durations, after)
	if code, ok := s.nodeDisconnect(); ok {
		f.Disconnects = countCode(f.Disconnects, uint8(code), 1)
	}
}

// connacked counts a CONNACK of the node and the time since the client was accepted.
func (f *flow) connacked(code uint8, after time.Duration) {
	f.Connacks = countCode(f.Connacks, code, 1)
	f.times.connack.observe(&latencies, after)
}

// countCode adds n to the count of a code. It makes the map if there is none.
func countCode(counts map[uint8]uint64, code uint8, n uint64) map[uint8]uint64 {
	if counts == nil {
		counts = map[uint8]uint64{}
	}
	counts[code] += n
	return counts
}

// addTo adds the counters to those of the other loops.
func (f *flow) addTo(to *FlowStats) {
	to.Open += f.Open
	to.Total += f.Total
	to.Received += f.Received
	to.Sent += f.Sent
	to.DialErrors += f.DialErrors
	to.PassedOver += f.PassedOver
	to.Shortages += f.Shortages
	for reason, n := range f.Retries {
		to.Retries[reason] += n
	}
	for why, n := range f.Unanswered {
		to.Unanswered[why] += n
	}
	for i := range f.Packets {
		to.Packets[i].Add(&f.Packets[i])
	}
	for i, n := range f.OpenByVersion {
		to.OpenByVersion[i] += n
	}
	for code, n := range f.Connacks {
		to.Connacks = countCode(to.Connacks, code, n)
	}
	for code, n := range f.Disconnects {
		to.Disconnects = countCode(to.Disconnects, code, n)
	}
	f.times.connack.addTo(&to.TimeToConnack, LatencyBounds)
	f.times.dial.addTo(&to.Dial, LatencyBounds)
	f.times.session.addTo(&to.Duration, DurationBounds)
}
