package proxytest

import (
	"bytes"
	"sync"
)

// Log is a log that a test can read while it is written. The zero Log is empty.
type Log struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write adds bytes to the log.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// String returns what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
