package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"mqttlb/proxy/http1"
)

// nodeConn is a connection to a node, of which several requests may be made. It follows the responses beside the transport,
// which logs bytes that belong to none without the name of the node, and accepts a response with two lengths.
type nodeConn struct {
	boundedConn
	response atomic.Pointer[http1.Response] // to the last request; nil: there was none
	log      *slog.Logger                   // with the names of pool and node
}

// errUnsolicited is the error of bytes that answer no request: the next request must not take them for its answer.
var errUnsolicited = errors.New("the node has sent bytes that answer no request")

// maxQuoted limits how much of such bytes is logged.
const maxQuoted = 120

func (h *Handler) newNodeConn(a *attempt, c boundedConn) *nodeConn {
	return &nodeConn{boundedConn: c, log: h.options.Log.With("pool", a.pool.Name, "node", a.node.Name, "address", a.node.Address)}
}

// withNodeConn makes the connection that a request gets expect its response.
func withNodeConn(ctx context.Context, method string) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		if c, ok := got.Conn.(*nodeConn); ok {
			c.response.Store(&http1.Response{NoBody: method == http.MethodHead})
		}
	}})
}

// Read reads the bytes of the response.
func (c *nodeConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n == 0 {
		return n, err
	}
	response := c.response.Load()
	if response == nil {
		return 0, c.unsolicited(b[:n])
	}
	good, fault := response.Follow(b[:n])
	switch {
	case fault == nil:
		return n, err
	case good > 0 && errors.Is(fault, http1.ErrBehind):
		return good, c.unsolicited(b[good:n])
	case errors.Is(fault, http1.ErrBehind):
		return 0, c.unsolicited(b[:n])
	}
	return 0, fault
}

// unsolicited logs bytes that answer no request, and returns the error of a read that got them.
func (c *nodeConn) unsolicited(b []byte) error {
	if strings.HasPrefix(string(b), "HTTP/1.1 408 ") { // servers tell idle clients before they close
		return io.EOF
	}
	c.log.Warn("a node has sent bytes that answer no request; the connection is closed", "bytes", string(b[:min(len(b), maxQuoted)]))
	return errUnsolicited
}
