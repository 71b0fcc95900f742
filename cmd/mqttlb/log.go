package main

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// logLines is how many lines may wait for a slow log.
	logLines = 4096
	// logFlush is how long the end of the process waits for those lines to be written.
	logFlush = time.Second
)

// logWriter writes lines in a goroutine of its own. A log that nobody reads, such as a
// pipe to a hung process, then blocks neither sessions nor health checks nor the end of
// the process. When logLines lines wait, further ones are dropped and counted.
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
			_, _ = w.to.Write(line) // an error of the log has nowhere to go
		case <-w.stop:
			for range len(w.lines) {
				_, _ = w.to.Write(<-w.lines)
			}
			return
		}
	}
}

// close writes the lines that wait, for at most logFlush. Later lines are lost.
func (w *logWriter) close() {
	close(w.stop)
	select {
	case <-w.done:
	case <-time.After(logFlush):
	}
}
