package websocket

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A ResponseError says why a node's answer does not accept the upgrade.
type ResponseError struct {
	// Status is the status of the answer, or 0 if it is not HTTP.
	Status int
	// Reason describes the fault. It quotes at most 120 bytes of the answer.
	Reason string
	// MayBeOffer says that the reason may be the offered subprotocols.
	MayBeOffer bool
}

// Error returns a line such as `upgrade refused: status 403: "Forbidden"`.
func (e *ResponseError) Error() string {
	if e.Status == 0 {
		return "upgrade refused: " + e.Reason
	}
	return "upgrade refused: status " + strconv.Itoa(e.Status) + ": " + e.Reason
}

// AboutRequest reports whether the node has refused what it was asked for, which other nodes probably
// refuse, too: a status of 4xx, but for those that are about the node's state or the time.
func (e *ResponseError) AboutRequest() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusMisdirectedRequest, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.Status >= 400 && e.Status < 500
}

// ReadResponse reads the node's answer to r at the beginning of b. n is its length; b[n:]
// are frames. The error is ErrShort while the header is incomplete, and a *ResponseError
// for any answer but the requested upgrade (§4.1). ReadResponse skips interim responses
// (RFC 9110, 15.2). The caller must limit the bytes and the time that it waits for.
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
		status, err := readHead(head, b[n:], r)
		switch {
		case err != nil:
			return 0, err
		case status == http.StatusSwitchingProtocols:
			return n, nil
		}
	}
}

// readHead reads one header, of an interim response or of the upgrade. body is what has come behind it.
func readHead(head, body []byte, r *Request) (status int, err error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), len(head)), nil)
	if err != nil {
		return 0, &ResponseError{Reason: "not HTTP: " + quoted(err.Error())}
	}
	defer resp.Body.Close() // b has no body
	switch status = resp.StatusCode; {
	case status == http.StatusSwitchingProtocols:
		if reason := faultOf(resp.Header, r); reason != "" {
			return 0, &ResponseError{Status: status, Reason: reason}
		}
		if reason := choiceFault(resp.Header, r); reason != "" {
			return 0, &ResponseError{Status: status, Reason: reason, MayBeOffer: true}
		}
		return status, nil
	case status >= 100 && status < 200:
		return status, nil
	}
	_, text, _ := strings.Cut(resp.Status, " ")
	reason := quoted(text)
	if why := firstLine(body); why != "" && resp.ContentLength > 0 {
		reason += ", " + quoted(why)
	}
	return 0, &ResponseError{Status: status, Reason: reason, MayBeOffer: mayBeOffer(status)}
}

// firstLine returns the first line of a body if a person may read it, and otherwise nothing.
func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body[:min(len(body), maxQuoted)])), "\n")
	if strings.HasPrefix(line, "<") || strings.ContainsFunc(line, func(c rune) bool { return !unicode.IsPrint(c) && c != '\r' }) {
		return ""
	}
	return strings.TrimSpace(line)
}

// faultOf describes the fault in the header of a 101, or returns "" if there is none. It
// makes checks 2 to 5 of §4.1.
func faultOf(h http.Header, r *Request) string {
	upgrade, accept := strings.Join(h["Upgrade"], ","), strings.Join(h["Sec-Websocket-Accept"], ",")
	extensions := Tokens(h["Sec-Websocket-Extensions"])
	switch {
	case !strings.EqualFold(upgrade, "websocket"):
		return "Upgrade is " + quoted(upgrade) + ", not websocket"
	case !slices.ContainsFunc(Tokens(h["Connection"]), func(s string) bool { return strings.EqualFold(s, "Upgrade") }):
		return "Connection is " + quoted(strings.Join(h["Connection"], ",")) + ", without Upgrade"
	case accept != acceptOf(r.Key):
		return "Sec-WebSocket-Accept is " + quoted(accept) + ", which does not answer the key"
	case len(extensions) > 0:
		return "Sec-WebSocket-Extensions is " + quoted(strings.Join(extensions, ",")) + ", and none was offered"
	}
	return ""
}

// Tokens returns the items of a header that is a list and may be there several times (RFC 9110, 5.6.1).
func Tokens(values []string) []string {
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

// headLength returns the length of the response header at the beginning of b, with its
// empty line, or 0 if it is incomplete. As in net/http, a line ends at a line feed, with
// or without a carriage return before it.
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

// startsAsHTTP reports whether b may become a response. So a node that is not an HTTP
// server is detected by its first byte, and not by its silence.
func startsAsHTTP(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// quoted quotes the beginning of a node's answer.
func quoted(s string) string { return fmt.Sprintf("%q", s[:min(len(s), maxQuoted)]) }
