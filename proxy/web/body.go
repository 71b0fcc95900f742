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

// bodyError is what went wrong with the body that a client sends.
type bodyError struct{ error }

func (e *bodyError) Unwrap() error { return e.error }

// lateError is a body that did not come in time.
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

// Unwrap makes it one of the errors of a deadline.
func (e *lateError) Unwrap() error { return os.ErrDeadlineExceeded }

// clientBody is the body of a request within its limits of bytes and time. The time
// that counts is that of waiting for the client: a node that reads slowly does not
// use it up.
//
// A deadline stays in force when a body is given up, since net/http reads on by itself:
// before it answers, and after the handler has returned or panicked. It lifts the
// deadline when it has come to the end of the body.
type clientBody struct {
	io.ReadCloser
	conn    *http.ResponseController
	pace    Pace
	length  int64                     // -1: chunked
	expects bool                      // the client waits for a 100, which the first read sends
	late    func(*lateError)          // is told of a body that did not come in time
	failed  atomic.Pointer[bodyError] // nil as long as all is well
	ended   atomic.Bool               // all of it was read

	mu     sync.Mutex // guards the fields below, and serializes reads
	read   int64
	waited time.Duration
}

// newClientBody returns the body of a request; nil: it has none.
func (h *Handler) newClientBody(s *settings, w http.ResponseWriter, r *http.Request) *clientBody {
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
	b.late = func(err *lateError) { h.timedOut(r, err.Error()) }
	return b
}

func (b *clientBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch failed := b.failed.Load(); {
	case failed != nil:
		return 0, failed
	case b.ended.Load(): // a deadline would now be that of the wait for the response
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
		// The server goes on reading, to learn of a client that leaves, for as
		// long as the response takes.
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	if err == io.EOF {
		b.ended.Store(true)
		return n, err
	}
	// Of trailers that were cut short net/http does not say by what.
	if b.pace.Within > 0 && !time.Now().Before(limit) {
		late := &lateError{b.read, b.length, b.pace}
		b.late(late)
		err = late
	}
	failed := &bodyError{err}
	b.failed.Store(failed)
	return n, failed
}

// rest reads what is left of a body before an answer of ours, as net/http would do
// without telling of a body that does not come. It reports whether it came in time.
// Of nil it did.
func (b *clientBody) rest() bool {
	if b == nil {
		return true
	}
	if b.wanted() {
		_, _ = io.CopyN(io.Discard, b, maxRest)
	}
	return !errors.Is(b.err(), os.ErrDeadlineExceeded)
}

// wanted reports whether it is worth reading what is left: not when the client has not
// been asked for it, nor when the connection had better be closed.
func (b *clientBody) wanted() bool {
	if b.failed.Load() != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return (!b.expects || b.read > 0) && b.length-b.read <= maxRest
}

// leave gives up what is left of a body when its request is over: the server reads
// it, to keep the connection or to see the client off, and only so long. Of nil it
// does nothing.
func (b *clientBody) leave() {
	if b != nil && !b.ended.Load() {
		_ = b.conn.SetReadDeadline(time.Now().Add(lingerTime))
	}
}

// err is what went wrong with the body; nil: nothing.
func (b *clientBody) err() error {
	if b == nil {
		return nil
	}
	if failed := b.failed.Load(); failed != nil {
		return failed
	}
	return nil
}
