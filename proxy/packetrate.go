package proxy

import (
	"context"
	"time"
)

// packetCounts are the packets that the sessions of the table had moved at one look, for their rate.
type packetCounts struct {
	loops [][]packetCount // by loop and slot
	times [][]int64       // of the looks, by loop and look, in ns of the loop's clock; 0: the look saw no session
}

// packetCount is the count of one session. Both numbers may wrap.
type packetCount struct{ serial, packets uint32 }

// countPackets counts the packets of the sessions and then waits for rateTime.
func (srv *Server) countPackets(ctx context.Context, f *SessionFilter) (*packetCounts, error) {
	cursors, err := srv.cursors(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	counts := &packetCounts{make([][]packetCount, len(srv.engine.loops)), make([][]int64, len(srv.engine.loops))}
	for _, c := range cursors {
		l := c.loop
		counted := make([]packetCount, c.slots)
		counts.loops[l.number] = counted
		for !c.over() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			var now int64
			c.look(func(s *session) bool {
				now, counted[s.slot] = l.Now(), packetCount{uint32(s.serial), s.packetsBoth()}
				return true
			})
			counts.times[l.number] = append(counts.times[l.number], now)
		}
	}
	wait := time.NewTimer(rateTime)
	defer wait.Stop()
	select {
	case <-wait.C:
		return counts, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// rate returns the packets a second that a session has moved since it was counted. A session that began
// after that counts from its beginning, and as if it had lasted for rateTime.
func (p *packetCounts) rate(l *loop, s *session) float64 {
	packets, serial := s.packetsBoth(), uint32(s.serial)
	if counted := p.loops[l.number]; int(s.slot) < len(counted) && counted[s.slot].serial == serial {
		since := p.times[l.number][s.slot/slotsPerLook]
		return float64(packets-counted[s.slot].packets) / time.Duration(l.Now()-since).Seconds()
	}
	return float64(packets) / max(time.Duration(l.Now()-s.begun), rateTime).Seconds()
}

// packetsBoth returns the packets of both directions. The number may wrap.
func (s *session) packetsBoth() uint32 { return s.packets[ToNode] + s.packets[ToClient] }
