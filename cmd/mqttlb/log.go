package main

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// logLines is how many lines may wait for a log that is slow.
	logLines = 4096
	// logFlush is how long the end of the process waits for them.
	logFlush = time.Second
)

// logWriter writes lines in a goroutine of its own, so that a log that nobody
// reads, as a pipe to a hung process, holds nothing up: not a session, not a
// health check, not the end of the process. Lines that find no place are dropped
// and counted.
type logWriter struct {
	to      io.Writer
	lines   chan []byte
	dropped atomic.Uint64
	stop    chan struct{} // closed by close
	done    chan struct{} // closed by run
}

func newLogWriter(to io.Writer) *logWriter {
	w := &logWriter{to: to, lines: make(chan []byte, logLines), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run() // ends at close, or with the process if the log is stuck
	return w
}

// Write takes a line; it never waits and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped.Add(1)
	}
	return len(line), nil
}

func (w *logWriter) run() {
	defer close(w.done)
	for {
		select {
		case line := <-w.lines:
			_, _ = w.to.Write(line) // there is nobody to tell
		case <-w.stop:
			for range len(w.lines) {
				_, _ = w.to.Write(<-w.lines)
			}
			return
		}
	}
}

// close writes what waits, for logFlush at most. What is written later is lost.
func (w *logWriter) close() {
	close(w.stop)
	select {
	case <-w.done:
	case <-time.After(logFlush):
	}
}
