package proxy

import (
	"time"

	"mqttlb/proxy/reactor"
)

// checkEngine checks that the loops hold no timer.
func (r *rig) checkEngine() {
	r.t.Helper()
	for _, l := range r.srv.engine.loops {
		if at, left := l.Timers.Next(); left {
			r.t.Errorf("a timer is left, for tick %d", at)
		}
		if l.contenders != 0 {
			r.t.Errorf("%d connections beside those of the sessions are left", l.contenders)
		}
	}
}

// each calls f for every open session, in its loop.
func (r *rig) each(f func(*session)) {
	for _, l := range r.srv.engine.loops {
		done := make(chan struct{})
		l.Do(func() {
			defer close(done)
			l.eachSession(f)
		})
		<-done
	}
}

// held returns the bytes in all backlogs.
func (r *rig) held() (n int) {
	r.each(func(s *session) {
		for _, h := range []*stream{&s.client, &s.server} {
			if h.kept != nil {
				n += len(h.kept.bytes)
			}
		}
	})
	return n
}

// idleLimits returns the idle limits of the sessions that have got their CONNACK, by identifier.
func (r *rig) idleLimits() map[string]time.Duration {
	limits := map[string]time.Duration{}
	r.each(func(s *session) {
		if s.step == stepRelay {
			limits[s.clientID()] = time.Duration(s.idle) * reactor.TickLength
		}
	})
	return limits
}
