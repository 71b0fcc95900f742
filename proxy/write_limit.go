package proxy

import (
	"io"
	"sync/atomic"
	"time"

	"mqttlb/proxy/snapshot"
	"mqttlb/proxy/web"
)

// writeLimit limits the time of each write on a borrowed connection.
type writeLimit struct {
	pace     web.Pace
	replaced atomic.Bool // by a deadline that the borrower has set
}

// writePace returns the limit of a write to an HTTP client.
func writePace(s *snapshot.Snapshot) web.Pace {
	return web.Pace{Within: s.Timeouts.Response, Rate: s.MinBodyRate}
}

// deadlineWriter is the part of a connection that writeLimit needs.
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
