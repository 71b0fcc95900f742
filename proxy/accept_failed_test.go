package proxy

import (
	"strings"
	"syscall"
	"testing"
)

// A flood of failures makes one line, which says how many there were.
func TestFailedAcceptsAreLoggedOnceInAWhile(t *testing.T) {
	r := start(t, []string{startNode(t, nil).address()})
	l := r.srv.engine.loops[0]
	ask(l, func() bool {
		for range 1000 {
			l.AcceptFailed(0, syscall.EMFILE)
		}
		return true
	})
	r.waitLine(`level=WARN msg="connections cannot be accepted" listener=mqtt error="too many open files" failures=1`)
	r.srv.acceptFailures.Every = 0
	ask(l, func() bool {
		l.AcceptFailed(1000, syscall.ECONNABORTED) // a socket that is no listener's yet
		return true
	})
	r.waitLine(`listener="" error="software caused connection abort" failures=1000`)
	if n := strings.Count(r.log.String(), "cannot be accepted"); n != 2 {
		t.Errorf("%d lines", n)
	}
	if n := r.srv.Stats().AcceptErrors; n != 1001 {
		t.Errorf("%d failures are counted", n)
	}
}
