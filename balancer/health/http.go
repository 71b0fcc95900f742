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

// appendRequest appends the HTTP request of a probe of n. The request has a header and no
// body.
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
		Header: http.Header{"User-Agent": {"mqttlb"}}, // for the server's access log
		Close:  true,
	}
	buffer := bytes.NewBuffer(b)
	if err := request.Write(buffer); err != nil {
		return nil, fmt.Errorf("the request of the probe: %w", err)
	}
	return buffer.Bytes(), nil
}

// head makes ReadResponse ignore the body, which says nothing about the node.
var head = &http.Request{Method: http.MethodHead}

// readResponse reads the header of a response. It returns nil if the response has the
// given status, or any 2xx if status is 0.
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
		case got < 200: // interim: the final response follows (RFC 9110, 15.2)
		case got == status, status == 0 && got < 300:
			return nil
		default:
			return statusError(got, status)
		}
	}
}

// statusError names the received and the expected status. It uses our own text, not the
// node's.
func statusError(got, want int) error {
	wanted := "2xx"
	if want != 0 {
		wanted = strconv.Itoa(want)
	}
	return fmt.Errorf("its answer is %d %s, not %s", got, cmp.Or(http.StatusText(got), "of no name"), wanted)
}
