package health

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"mqttlb/balancer"
)

// appendRequest appends the request of a probe of n: the whole of it is a
// header.
func appendRequest(b []byte, check *Check, n *balancer.Node) ([]byte, error) {
	target, err := url.ParseRequestURI(check.Path)
	if err != nil {
		return nil, fmt.Errorf("the path of the probe: %w", err)
	}
	port := strconv.Itoa(int(cmp.Or(check.Port, n.Port)))
	request := http.Request{
		Method: check.Method,
		URL:    target,
		Host:   cmp.Or(check.Host, net.JoinHostPort(n.Host, port)),
		Header: http.Header{"User-Agent": {"mqttlb"}}, // what a log should call it
		Close:  true,
	}
	buffer := bytes.NewBuffer(b)
	if err := request.Write(buffer); err != nil {
		return nil, fmt.Errorf("the request of the probe: %w", err)
	}
	return buffer.Bytes(), nil
}

// head makes ReadResponse leave the body alone: it says nothing about the node.
var head = &http.Request{Method: http.MethodHead}

// readResponse reads the header of a response. The error is nil when it has the
// status, or any of 2xx where status is 0.
func readResponse(conn io.Reader, status int) error {
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	r := bufio.NewReader(limited)
	for {
		response, err := http.ReadResponse(r, head)
		switch {
		case err == nil:
			response.Body.Close()
		case limited.N <= 0:
			return fmt.Errorf("the header of its HTTP response is larger than %d bytes", maxResponse)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return err // the caller knows why
		default:
			if broken, ok := errors.AsType[net.Error](err); ok {
				return fmt.Errorf("reading the HTTP response: %w", broken)
			}
			return errors.New("its answer is no HTTP response") // a server that wants TLS says something else
		}
		got := response.StatusCode
		switch {
		case got < 200: // interim: the final one follows (RFC 9110, 15.2)
		case got == status, status == 0 && got < 300:
			return nil
		default:
			return statusError(got, status)
		}
	}
}

// statusError says which status came and which was wanted. The words are ours,
// not the node's.
func statusError(got, want int) error {
	wanted := "2xx"
	if want != 0 {
		wanted = strconv.Itoa(want)
	}
	return fmt.Errorf("its answer is %d %s, not %s", got, cmp.Or(http.StatusText(got), "of no name"), wanted)
}
