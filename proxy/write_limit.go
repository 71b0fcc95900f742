package proxy

import (
	"io"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// writeLimit is a limit of time for each write on a connection that is lent.
type writeLimit struct {
	pace     web.Pace
	replaced atomic.Bool // by a deadline that somebody else has set
}

// writePace is the limit of a write to a client of HTTP.
func writePace(s *snapshot.Snapshot) web.Pace {
	return web.Pace{Within: s.Timeouts.Response, Rate: s.MinBodyRate}
}

// deadlineWriter is the part of a connection that is needed here.
type deadlineWriter interface {
	io.Writer
	SetWriteDeadline(time.Time) error
}

func (l *writeLimit) write(c deadlineWriter, b []byte) (int, error) {
	if l.pace.Within > 0 && !l.replaced.Load() {
		_ = c.SetWriteDeadline(time.Now().Add(l.pace.For(int64(len(b)))))
	}
	return c.Write(b)
}
