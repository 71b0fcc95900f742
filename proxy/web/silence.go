package web

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// silence ends an exchange without progress for too long: a tunnel, or a node's response
// after its header.
type silence struct {
	mu    sync.Mutex // guards the fields below
	limit time.Duration
	why   string      // for the log
	timer *time.Timer // nil: no limit yet
	ended func(why string)
	over  bool // stopped for good
	cut   bool // the silence has ended the exchange
}

// newSilence returns a silence that is not running. A limit of zero means no limit.
func (x *exchange) newSilence(what, setting string, limit time.Duration) *silence {
	s := &silence{ended: func(why string) {
		x.timedOut(why)
		x.cancel()
	}}
	s.set(what, setting, limit)
	return s
}

// set changes the limit. Zero keeps the current one.
func (s *silence) set(what, setting string, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit > 0 && (s.limit == 0 || limit < s.limit) {
		s.limit, s.why = limit, fmt.Sprintf("%s within %s %s", what, setting, limit)
	}
}

// begin starts the time limit anew, after progress or when progress becomes possible.
func (s *silence) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over || s.limit == 0:
	case s.timer == nil:
		s.timer = time.AfterFunc(s.limit, s.expire)
	default:
		s.timer.Reset(s.limit)
	}
}

// pause stops the limit until begin.
func (s *silence) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
	}
}

// stop stops the limit for good. For nil it does nothing.
func (s *silence) stop() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.pause()
}

func (s *silence) expire() {
	s.mu.Lock()
	over, why := s.over, s.why
	s.cut = s.cut || !over
	s.mu.Unlock()
	if !over {
		s.ended(why)
	}
}

// hasCut reports whether the silence has ended the exchange.
func (s *silence) hasCut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut
}

// tunnel is the silence of an upgraded connection.
type tunnel struct {
	*silence
	halfClosed time.Duration
}

// newTunnel returns a tunnel that is running.
func (x *exchange) newTunnel() *tunnel {
	x.silence = x.newSilence("tunnel: no byte either way", "timeouts.tunnel", x.settings.TunnelTimeout)
	x.silence.begin()
	return &tunnel{x.silence, x.settings.HalfClosedTimeout}
}

// closeHalf is called when one side of the tunnel has ended its stream.
func (t *tunnel) closeHalf() {
	t.set("tunnel: one side has closed, no byte of the other", "timeouts.half_closed", t.halfClosed)
}

// nodeBody is the body of a node's response with a limit for the node's silence. Time
// spent writing to the client does not count.
type nodeBody struct {
	io.ReadCloser
	silence *silence
}

func (b *nodeBody) Read(p []byte) (int, error) {
	b.silence.begin()
	n, err := b.ReadCloser.Read(p)
	b.silence.pause()
	if err == io.EOF && b.silence.hasCut() {
		err = io.ErrUnexpectedEOF // a node may end its response cleanly when its client leaves
	}
	return n, err
}
