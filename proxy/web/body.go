package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// bodyError is an error of the client's request body.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// lateError is the error of a body that did not arrive in time.
type lateError struct {
	read, length int64 // length is -1 for a chunked body
	pace         Pace
}

func (e *lateError) Error() string {
	bytes := fmt.Sprint(e.read)
	if e.length >= 0 {
		bytes = fmt.Sprintf("%d of %d", e.read, e.length)
	}
	text := fmt.Sprintf("request body: %s bytes within timeouts.request_body %s", bytes, e.pace.Within)
	if e.pace.Rate > 0 {
		text += fmt.Sprintf(" at limits.min_body_rate %d", e.pace.Rate)
	}
	return text
}

// Unwrap makes lateError a deadline error.
func (e *lateError) Unwrap() error { return os.ErrDeadlineExceeded }

// clientBody is the body of a request with its limits of bytes and time. Only time spent
// waiting for the client counts; a node that reads slowly does not use it up.
//
// The deadline stays set after Close, because net/http may still read the body: before it
// answers, and after the handler has returned or panicked. net/http clears the deadline
// at the end of the body.
type clientBody struct {
	io.ReadCloser
	conn    *http.ResponseController
	pace    Pace
	length  int64                     // -1: chunked
	expects bool                      // the client waits for a 100, which the first read sends
	late    func(*lateError)          // called for a body that did not arrive in time
	failed  atomic.Pointer[bodyError] // nil: no error
	ended   atomic.Bool               // the whole body was read

	mu     sync.Mutex // guards the fields below, and serializes reads
	read   int64
	waited time.Duration
}

// newClientBody returns the body of a request, or nil if it has none.
func (q *running) newClientBody(s *settings, w http.ResponseWriter) *clientBody {
	r := q.in
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &clientBody{
		ReadCloser: r.Body,
		conn:       http.NewResponseController(w),
		pace:       Pace{s.BodyTimeout, s.MinBodyRate},
		length:     r.ContentLength,
		expects:    r.Header.Get("Expect") != "",
	}
	if limit := s.MaxRequestSize; limit > 0 {
		b.ReadCloser = http.MaxBytesReader(w, r.Body, limit)
	}
	b.late = func(err *lateError) { q.timedOut(err.Error()) }
	return b
}

func (b *clientBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch failed := b.failed.Load(); {
	case failed != nil:
		return 0, failed
	case b.ended.Load(): // a deadline now would end the wait for the response
		return 0, io.EOF
	}
	begun := time.Now()
	limit := begun.Add(b.pace.next(b.read, b.waited))
	if b.pace.Within > 0 {
		_ = b.conn.SetReadDeadline(limit)
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.waited += time.Since(begun)
	if err == nil {
		return n, nil
	}
	if err == io.EOF || err == http.ErrBodyReadAfterClose {
		// The server continues to read during the response, to notice a client that
		// leaves.
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	if err == io.EOF {
		b.ended.Store(true)
		return n, err
	}
	// net/http's error for cut trailers does not say that the deadline was the cause.
	if b.pace.Within > 0 && !time.Now().Before(limit) {
		late := &lateError{b.read, b.length, b.pace}
		b.late(late)
		err = late
	}
	failed := &bodyError{err}
	b.failed.Store(failed)
	return n, failed
}

// readRest reads the rest of a body before the balancer answers itself. net/http would do so,
// too, but would not report a body that does not arrive. It reports whether the rest
// arrived in time. For nil it returns true.
func (b *clientBody) readRest() bool {
	if b == nil {
		return true
	}
	if b.restWanted() {
		_, _ = io.CopyN(io.Discard, b, maxRest)
	}
	return !errors.Is(b.err(), os.ErrDeadlineExceeded)
}

// restWanted reports whether reading the rest makes sense: not if the client still waits for
// a 100, nor if it is better to close the connection.
func (b *clientBody) restWanted() bool {
	if b.failed.Load() != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return (!b.expects || b.read > 0) && b.length-b.read <= maxRest
}

// limitRest limits the time for the rest of a body when its request is over: the server then
// reads the rest, to keep the connection or to close it cleanly. For nil it does nothing.
func (b *clientBody) limitRest() {
	if b != nil && !b.ended.Load() {
		_ = b.conn.SetReadDeadline(time.Now().Add(lingerTime))
	}
}

// arrived returns how many bytes were read.
func (b *clientBody) arrived() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// err returns the error of the body, or nil.
func (b *clientBody) err() error {
	if b == nil {
		return nil
	}
	if failed := b.failed.Load(); failed != nil {
		return failed
	}
	return nil
}
