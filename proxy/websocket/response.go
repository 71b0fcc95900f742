package websocket

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A ResponseError says why a node's answer is no upgrade.
type ResponseError struct {
	// Status is the status of the answer, 0 if it is not HTTP.
	Status int
	// Reason says what is wrong with it. It repeats at most 120 bytes of the answer, quoted.
	Reason string
}

// Error returns a line such as `upgrade refused: status 403: "Forbidden"`.
func (e *ResponseError) Error() string {
	if e.Status == 0 {
		return "upgrade refused: " + e.Reason
	}
	return "upgrade refused: status " + strconv.Itoa(e.Status) + ": " + e.Reason
}

// ReadResponse reads the node's answer to r at the beginning of b. n is its length:
// b[n:] are frames. It returns ErrShort while the header is not whole, for which
// the caller sets a limit in bytes and in time, and a *ResponseError for any answer
// but the upgrade that was asked for (§4.1). Interim responses before it are passed
// over (RFC 9110, 15.2).
func ReadResponse(b []byte, r *Request) (n int, err error) {
	for {
		if !startsAsHTTP(b[n:]) {
			return 0, &ResponseError{Reason: "not HTTP: " + quoted(string(b[n:]))}
		}
		head := b[n : n+headLength(b[n:])]
		if len(head) == 0 {
			return 0, ErrShort
		}
		n += len(head)
		status, err := readHead(head, r)
		switch {
		case err != nil:
			return 0, err
		case status == http.StatusSwitchingProtocols:
			return n, nil
		}
	}
}

// readHead reads one header, of an interim response or of the upgrade.
func readHead(head []byte, r *Request) (status int, err error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), len(head)), nil)
	if err != nil {
		return 0, &ResponseError{Reason: "not HTTP: " + quoted(err.Error())}
	}
	defer resp.Body.Close() // there is none in b
	switch status = resp.StatusCode; {
	case status == http.StatusSwitchingProtocols:
		if reason := refused(resp.Header, r); reason != "" {
			return 0, &ResponseError{status, reason}
		}
		return status, nil
	case status >= 100 && status < 200:
		return status, nil
	}
	_, text, _ := strings.Cut(resp.Status, " ")
	return 0, &ResponseError{status, quoted(text)}
}

// refused returns what is wrong with the header of a 101, "" if nothing is: the
// checks of §4.1, from 2 to 6.
func refused(h http.Header, r *Request) string {
	upgrade, accept := strings.Join(h["Upgrade"], ","), strings.Join(h["Sec-Websocket-Accept"], ",")
	extensions, protocol := tokens(h["Sec-Websocket-Extensions"]), h["Sec-Websocket-Protocol"]
	switch {
	case !strings.EqualFold(upgrade, "websocket"):
		return "Upgrade is " + quoted(upgrade) + ", not websocket"
	case !slices.ContainsFunc(tokens(h["Connection"]), func(s string) bool { return strings.EqualFold(s, "Upgrade") }):
		return "Connection is " + quoted(strings.Join(h["Connection"], ",")) + ", without Upgrade"
	case accept != acceptOf(r.Key):
		return "Sec-WebSocket-Accept is " + quoted(accept) + ", which does not answer the key"
	case len(extensions) > 0:
		return "Sec-WebSocket-Extensions is " + quoted(strings.Join(extensions, ",")) + ", and none was offered"
	case len(protocol) > 1 || len(protocol) == 1 && protocol[0] != r.Protocol:
		return "Sec-WebSocket-Protocol is " + quoted(strings.Join(protocol, ",")) + ", " + quoted(r.Protocol) + " was asked for"
	}
	return ""
}

// tokens splits the values of a header that is a list.
func tokens(values []string) []string {
	var all []string
	for _, value := range values {
		for token := range strings.SplitSeq(value, ",") {
			if token = strings.TrimSpace(token); token != "" {
				all = append(all, token)
			}
		}
	}
	return all
}

// headLength returns the length of the response header at the beginning of b, the
// empty line included, or 0 if its end has not come. A line ends where net/http
// ends it: at a line feed, with a carriage return before it or not.
func headLength(b []byte) int {
	for at := 0; ; {
		line := bytes.IndexByte(b[at:], '\n')
		if line < 0 {
			return 0
		}
		if line == 0 || line == 1 && b[at] == '\r' {
			return at + line + 1
		}
		at += line + 1
	}
}

// startsAsHTTP reports whether b can become a response: a node that is no HTTP
// server is known by its first byte, and not by its silence.
func startsAsHTTP(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// quoted quotes what a node said, cut to what a person needs to see.
func quoted(s string) string { return fmt.Sprintf("%q", s[:min(len(s), maxQuoted)]) }
