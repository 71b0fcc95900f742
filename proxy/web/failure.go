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
func (h *Handler) answer(w http.ResponseWriter, body *clientBody, status int, why string) {
	if !body.readRest() {
		h.refuse(w, http.StatusRequestTimeout, lateBody)
		return
	}
	h.writeText(w, status, why)
}

// refuse is like answer, but does not read the body: the connection closes.
func (h *Handler) refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Connection", "close")
	// Otherwise net/http would wait for the rest of the request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingerTime))
	h.writeText(w, status, why)
}

func (h *Handler) writeText(w http.ResponseWriter, status int, why string) {
	h.answers.Add(status)
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	body := why + "\n"
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// timedOut reports a request that exceeded a time limit.
func (h *Handler) timedOut(r *http.Request, why string) {
	h.options.Log.Debug("request timed out", "client", r.RemoteAddr, "method", r.Method, "error", why)
	if h.options.TimedOut != nil {
		h.options.TimedOut(r, why)
	}
}

// fail ends a request without a response.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	x.handler.options.Log.Debug("request failed", "pool", x.pool.Name, "client", r.RemoteAddr, "method", r.Method, "error", err)
	if failed := x.body.err(); failed != nil {
		err = failed // the failed body has canceled the request: report the cause
	}
	var body *bodyError
	if x.w.hijacked || x.in.Context().Err() != nil && !errors.As(err, &body) {
		// The client has left or must leave: any status would be wrong.
		panic(http.ErrAbortHandler)
	}
	status, why := explain(err)
	x.handler.answer(w, x.body, status, why)
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
	case outcome.DescriptorsExceeded, outcome.PortsExceeded:
		return http.StatusServiceUnavailable, "the balancer has no descriptors or ports left to reach a node"
	default:
		return http.StatusBadGateway, "no node could be reached"
	}
}

// lateBody is the answer for a body that did not arrive in time.
const lateBody = "the request's body did not arrive in time"

func tooLarge(limit int64) string { return fmt.Sprintf("the request's body is over %d bytes", limit) }
