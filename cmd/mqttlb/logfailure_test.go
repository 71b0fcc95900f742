package main

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// flappingSink fails every second time.
type flappingSink struct {
	logSink
	calls int
}

func (s *flappingSink) write(*logLine) error {
	if s.calls++; s.calls%2 == 1 {
		return errors.New("no disk")
	}
	return nil
}

func (s *flappingSink) close() {}

// A log that fails and recovers all the time does not fill stderr. Its own lines of the
// process go there meanwhile.
func TestALogThatFailsAgainAndAgainIsNotSaidEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trouble, notices noticeList
		stderr := &logWriter{process: make(chan logLine, 100), clients: make(chan logLine, 100), dropped: new(lineCounts)} // not started
		w := &logWriter{sink: &flappingSink{}, name: "flapping", dropped: new(lineCounts), notice: notices.add, trouble: trouble.add, fallback: stderr}
		w.start()
		for range 20 { // 40 s
			for range 2 {
				w.add(textLine(sessionLine, "client"))
				synctest.Wait()
				w.add(textLine(processLine, "process"))
				<-time.After(logRetry)
			}
		}
		w.close()
		if n := len(trouble.all()); n != 2*logFailures || len(notices.all()) != logFailures {
			t.Errorf("%d lines on stderr, %d in the log: %q", n, len(notices.all()), trouble.all())
		}
		if all := trouble.all(); !strings.Contains(all[0], "the log cannot be written [output=flapping error=no disk lost=1]") {
			t.Errorf("said %q", all[0])
		}
		if n := w.dropped[processLine].Load(); n != 0 || len(stderr.process) == 0 || len(stderr.clients) != 0 || w.dropped[sessionLine].Load() == 0 {
			t.Errorf("%d lines of the process dropped, %d of them and %d of clients on stderr", n, len(stderr.process), len(stderr.clients))
		}
	})
}
