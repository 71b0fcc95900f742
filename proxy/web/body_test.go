package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// line is a client's connection: the body arrives on it, and its deadline ends the wait
// for the body.
type line struct {
	http.ResponseWriter
	deadline time.Time
	comes    func() (after time.Duration, bytes int) // the next bytes
	ahead    time.Duration                           // still to wait
	bytes    int
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.deadline = t
	return nil
}

func (l *line) Read(p []byte) (int, error) {
	if l.bytes == 0 {
		l.ahead, l.bytes = l.comes()
	}
	if left := time.Until(l.deadline); left < l.ahead {
		time.Sleep(left) //nolint:forbidigo // in the bubble's time
		l.ahead -= left
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(l.ahead) //nolint:forbidigo // in the bubble's time
	n := min(l.bytes, len(p))
	l.ahead, l.bytes = 0, l.bytes-n
	return n, nil
}

func (l *line) Close() error { return nil }

// steady is a line on which the given bytes arrive at once, repeatedly.
func steady(every time.Duration, bytes int) func() (time.Duration, int) {
	return func() (time.Duration, int) { return every, bytes }
}

// once is a line on which bytes arrive at once, and then no more.
func once(bytes int) func() (time.Duration, int) {
	after := time.Duration(0)
	return func() (time.Duration, int) {
		defer func() { after = 1000 * time.Hour }()
		return after, bytes
	}
}

func TestBodyHasTheTimeThatItsBytesEarn(t *testing.T) {
	const long = 24 * time.Hour
	for name, c := range map[string]struct {
		comes func() (time.Duration, int)
		rate  int
		pause time.Duration // between our reads
		ends  time.Duration // the waiting time at the end
	}{
		"at the rate it may take for ever":          {steady(time.Second, 500), 500, 0, long},
		"in parts far apart, too":                   {steady(19*time.Second, 19*500), 500, 0, long},
		"a little below the rate it gets more time": {steady(time.Second, 400), 500, 0, 96800 * time.Millisecond},
		"drips get the time and little more":        {steady(5*time.Second, 1), 500, 0, 20*time.Second + 8*time.Millisecond},
		"without a rate the time is for all of it":  {steady(time.Second, 1e6), 0, 0, 20 * time.Second},
		"silence has the time once":                 {once(1), 500, 0, 20 * time.Second},
		"what came fast earns no silence":           {once(1e6), 500, 0, 20 * time.Second},
		"a node that reads slowly uses up no time":  {once(1e6), 500, 10 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &line{comes: c.comes}
				var late *lateError
				b := &clientBody{
					ReadCloser: l, conn: http.NewResponseController(l), length: -1,
					pace: Pace{20 * time.Second, c.rate}, late: func(err *lateError) { late = err },
				}
				waited := time.Duration(0)
				for waited < long {
					begun := time.Now()
					_, err := b.Read(make([]byte, 32<<10))
					waited += time.Since(begun)
					if err != nil {
						if !errors.Is(err, os.ErrDeadlineExceeded) || late == nil {
							t.Errorf("%v, and %v was told", err, late)
						}
						break
					}
					time.Sleep(c.pause) //nolint:forbidigo // in the bubble's time
				}
				if waited != c.ends && (waited < long || c.ends < long) {
					t.Errorf("it ended after %v of waiting, want %v", waited, c.ends)
				}
			})
		})
	}
}

// A complete body has no deadline any more: the wait for the response has another limit.
func TestBodyThatHasEndedSetsNoDeadline(t *testing.T) {
	l := &line{}
	b := &clientBody{ReadCloser: http.NoBody, conn: http.NewResponseController(l), pace: Pace{Within: time.Hour}}
	for range 2 {
		if _, err := b.Read(make([]byte, 1)); err != io.EOF || !l.deadline.IsZero() {
			t.Errorf("%v, a deadline at %v", err, l.deadline)
		}
	}
	b.limitRest()
	if !l.deadline.IsZero() {
		t.Errorf("a deadline at %v", l.deadline)
	}
}

func TestPaceOfManyBytes(t *testing.T) {
	for _, c := range []struct {
		n    int64
		rate int
		want time.Duration
	}{
		{0, 500, time.Second},
		{250, 500, 1500 * time.Millisecond},
		{1000, 0, time.Second},
		{1 << 40, 1 << 10, time.Second + 1<<30*time.Second},
	} {
		if got := (Pace{time.Second, c.rate}).For(c.n); got != c.want {
			t.Errorf("%d bytes at %d: %v, want %v", c.n, c.rate, got, c.want)
		}
	}
}
