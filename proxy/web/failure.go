package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"mqttlb/proxy/outcome"
)

// answer sends the client one line of plain text with the reason of an error, after
// reading the rest of its body.
func (q *running) answer(w http.ResponseWriter, status int, why string) {
	if !q.body.readRest() {
		q.refuse(w, http.StatusRequestTimeout, lateBody)
		return
	}
	q.writeText(w, status, why)
}

// refuse is like answer, but does not read the body: the connection closes.
func (q *running) refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Connection", "close")
	// Otherwise net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	q.writeText(w, status, why)
}

func (q *running) writeText(w http.ResponseWriter, status int, why string) {
	q.answered(status, why)
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	body := why + "\n"
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	n, _ := io.WriteString(w, body)
	q.sent = int64(n)
}

// fail ends a request without a response.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	q := x.running
	q.handler.options.Log.Debug("request failed", "pool", x.pool.Name, "client", r.RemoteAddr, "method", r.Method, "error", err)
	if failed := x.body.err(); failed != nil {
		err = failed // the failed body has canceled the request: report the cause
	}
	var body *bodyError
	if x.w.hijacked || x.in.Context().Err() != nil && !errors.As(err, &body) {
		// The client has left or must leave: any status would be wrong.
		panic(http.ErrAbortHandler)
	}
	status, why := explain(err)
	q.why = fmt.Sprintf("%s: %v%s", why, err, x.settings.limitOf(err)) // the client is told less
	q.answer(w, status, why)
}

// explain returns the status and the reason of a failure. It names no node: addresses
// behind the balancer are not public.
func explain(err error) (status int, why string) {
	var (
		size *http.MaxBytesError
		body *bodyError
		none *unreachedError
		wait interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &size):
		return http.StatusRequestEntityTooLarge, tooLarge(size.Limit)
	case errors.As(err, &body) && errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout, lateBody
	case errors.As(err, &body):
		return http.StatusBadRequest, "the request's body is malformed, or ended early"
	case errors.As(err, &none):
		return unreached(none.reason)
	case errors.As(err, &wait) && wait.Timeout():
		return http.StatusGatewayTimeout, "the node did not answer in time"
	default:
		return http.StatusBadGateway, "the node closed the connection, or its answer is not HTTP"
	}
}

// unreached returns the answer to a request that reached no node.
func unreached(reason outcome.Outcome) (status int, why string) {
	switch reason {
	case outcome.NoNode:
		return http.StatusServiceUnavailable, "no node is up"
	case outcome.NodesFull:
		return http.StatusServiceUnavailable, "every node that is up is at its max_connections"
	case outcome.DescriptorsExceeded, outcome.PortsExceeded, outcome.NoSource:
		return http.StatusServiceUnavailable, "the balancer has no descriptors or ports left to reach a node"
	default:
		return http.StatusBadGateway, "no node could be reached"
	}
}

// limitOf names the setting of the limit that an error is about, for the log; empty if the error names it, or
// is about none.
func (s *settings) limitOf(err error) string {
	var wait interface{ Timeout() bool }
	late := errors.As(err, &wait) && wait.Timeout()
	_, unreached := errors.AsType[*unreachedError](err)
	_, body := errors.AsType[*bodyError](err)
	_, size := errors.AsType[*http.MaxBytesError](err)
	switch {
	case size:
		return fmt.Sprintf(": limits.max_request_size is %d", s.MaxRequestSize)
	case late && unreached:
		return fmt.Sprintf(": timeouts.dial is %v, and timeouts.connect_node %v", s.DialTimeout, s.ConnectTimeout)
	case late && !body:
		return fmt.Sprintf(": timeouts.response is %v", s.ResponseTimeout)
	}
	return ""
}

// lateBody is the answer for a body that did not arrive in time.
const lateBody = "the request's body did not arrive in time"

func tooLarge(limit int64) string { return fmt.Sprintf("the request's body is over %d bytes", limit) }
