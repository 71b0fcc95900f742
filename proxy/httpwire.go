package proxy

import (
	"io"
	"sync/atomic"

	"mqttlb/proxy/http1"
)

// httpWire looks at the bytes of an HTTP connection before net/http, which does not tell its handlers all that a header says
// about its message. net/http gets the bytes of a header as they arrive, except those of a refused one: in their place it reads
// what it refuses, too, once it has answered all requests before. httpConn then writes the answer in its place.
//
// Bytes behind an upgrade need not be HTTP. Until the upgrade is decided, net/http gets them whatever they are.
type httpWire struct {
	follower http1.Follower // of the bytes; only for reads, of which there is one at a time
	inBody   bool           // the fault is in the body of a request; only for reads

	fault    atomic.Pointer[http1.Fault] // nil: none
	acted    atomic.Bool                 // net/http has read what stands for the fault
	hijacked atomic.Bool                 // the connection does not carry HTTP any more
	answered atomic.Int64                // requests, without an upgrade
	leaked   atomic.Int64                // the number of the request with the undecided upgrade behind which net/http got a fault; 0: none
}

// notHTTP is read in place of a refused header. net/http refuses the request, wherever in its header these bytes stand.
const notHTTP = "\x00\n\r\n\r\n"

// check takes the n bytes in b that were read, and returns how many of them net/http gets.
func (w *httpWire) check(b []byte, n int) int {
	if n == 0 || w.hijacked.Load() {
		return n
	}
	good, fault := w.follower.Follow(b[:n])
	if fault == nil {
		return n
	}
	if w.fault.CompareAndSwap(nil, fault) {
		w.inBody = !w.follower.InHeader()
	}
	switch {
	case w.undecided():
		w.leaked.CompareAndSwap(0, int64(w.follower.Upgraded()))
		return n
	case good > 0 || w.inBody:
		return good
	}
	w.acted.Store(true)
	return copy(b, notHTTP)
}

// undecided reports whether the bytes that come next may belong to a tunnel.
func (w *httpWire) undecided() bool { return int64(w.follower.Upgraded()) > w.answered.Load() }

// instead returns what net/http reads in place of bytes that are refused; ok is false if it gets those of the connection.
func (w *httpWire) instead(b []byte) (n int, ok bool, err error) {
	if w.fault.Load() == nil || w.hijacked.Load() || w.undecided() {
		return 0, false, nil
	}
	w.acted.Store(true)
	if w.inBody && len(b) > 1 {
		return 0, true, io.ErrUnexpectedEOF
	}
	// net/http takes a read of one byte while it serves a request, and an error of it for the client's end.
	return copy(b, notHTTP), true, nil
}

// refuse ends the connection with a request that net/http has passed on.
func (w *httpWire) refuse(f *http1.Fault) *http1.Fault {
	w.fault.Store(f)
	w.acted.Store(true)
	return f
}

// refused returns the fault for which the request that net/http is about to serve cannot be served; nil: it can.
func (w *httpWire) refused() *http1.Fault {
	if n := w.leaked.Load(); n > 0 && w.answered.Load() >= n {
		return w.fault.Load()
	}
	return nil
}

// failure describes the fault that ended the connection; empty: none did.
func (w *httpWire) failure() string {
	if !w.acted.Load() {
		return ""
	}
	return w.fault.Load().Error()
}
