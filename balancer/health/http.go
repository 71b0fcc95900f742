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
	port := strconv.Itoa(int(cmp.Or(check.portOf(n), n.Port)))
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
	response, err := readHeader(conn, head)
	if err != nil {
		return err
	}
	response.Body.Close()
	if got := response.StatusCode; got != status && (status != 0 || got >= 300) {
		return statusError(got, status)
	}
	return nil
}

// readHeader reads the header of the response to a request, or of the last one after interim
// ones. Header and body may have maxResponse bytes.
func readHeader(conn io.Reader, request *http.Request) (*http.Response, error) {
	limited := &io.LimitedReader{R: conn, N: maxResponse}
	r := bufio.NewReader(limited)
	for {
		response, err := http.ReadResponse(r, request)
		switch {
		case err == nil && response.StatusCode >= 200: // an interim one precedes it (RFC 9110, 15.2)
			return response, nil
		case err == nil:
			response.Body.Close()
		case limited.N <= 0:
			return nil, fmt.Errorf("the header of its HTTP response is larger than %d bytes", maxResponse)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, err // the caller knows why
		default:
			if broken, ok := errors.AsType[net.Error](err); ok {
				return nil, fmt.Errorf("reading the HTTP response: %w", broken)
			}
			return nil, errors.New("its answer is no HTTP response") // a server that wants TLS says something else
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
	return fmt.Errorf("its answer is %s, not %s", statusText(got), wanted)
}

func statusText(status int) string {
	return fmt.Sprintf("%d %s", status, cmp.Or(http.StatusText(status), "of no name"))
}
