package opening

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"mqttlb/proxy/outcome"
)

// readRequest answers an upgrade to WebSocket. All other HTTP is net/http's: that costs a
// goroutine, a second descriptor and the way to it and back (1.45 of HAProxy's CPU for a
// new connection in place of 1.00).
func (o *Opening) readRequest(sc *Scratch) Verdict {
	o.stage = atHTTP
	if o.TLS != nil || o.Excess != outcome.None {
		return Verdict{Kind: HTTP}
	}
	most := min(maxRequest, o.snapshot.MaxHeaderSize)
	if !o.header.done(o.bytes) && len(o.bytes) < most {
		o.stage = atRequest
		return Verdict{Kind: More, Room: most - len(o.bytes)}
	}
	if sc.request == nil {
		sc.request = newRequest()
	}
	r := sc.request.read(o.bytes, most)
	if r == nil {
		return Verdict{Kind: HTTP}
	}
	if o.Source.IsValid() {
		r.RemoteAddr = o.Source.String()
	}
	route := o.listener.RouteOf(r)
	if route == nil || !route.WebSocket {
		return Verdict{Kind: HTTP}
	}
	protocol, refused := CheckUpgrade(r, o.listener.Hosts, route.Origins)
	if refused != nil {
		return Verdict{Kind: HTTP}
	}
	if _, err := Upgrader(protocol).Upgrade(sc.request, r, nil); err != nil {
		return Verdict{Kind: HTTP}
	}
	o.bytes, o.owned = nil, false
	o.Upgraded(route.Pool, NodeRequest(route.Pool, r, protocol))
	return Verdict{Kind: Upgrade, Reply: sc.request.answer}
}

// headerScanner finds the end of a request's header, which may come in any number of
// pieces. It looks at each byte once. The zero value is ready.
type headerScanner struct {
	line int // where the line begins that is not whole yet
	at   int // bytes looked at
}

// done reports whether b, all that the client has sent so far, holds the whole header. It is
// also true as soon as b has what upgrades have not, or HTTP has not: net/http then knows what
// to answer.
func (h *headerScanner) done(b []byte) bool {
	for ; h.at < len(b); h.at++ {
		c := b[h.at]
		if c != '\n' {
			if unusual(rune(c)) {
				return true
			}
			continue
		}
		line, crlf := bytes.CutSuffix(b[h.line:h.at], []byte("\r"))
		switch {
		case !crlf, len(line) == 0:
			return true
		case h.line == 0 && !bytes.HasSuffix(line, []byte(" HTTP/1.1")):
			return true
		case h.line > 0 && line[0] != ' ' && bytes.IndexByte(line, ':') < 1:
			return true
		}
		h.line = h.at + 1
	}
	return false
}

// request is the HTTP of the upgrades that are answered here, one at a time: the
// http.ResponseWriter, and the connection that the answer is written to.
type request struct {
	net.Conn // nil: gorilla asks no more of a connection than the methods below

	source bytes.Reader
	reader *bufio.Reader
	writer *bufio.Writer
	answer []byte
}

func newRequest() *request {
	return &request{reader: bufio.NewReader(nil), writer: bufio.NewWriter(nil)}
}

// read reads the request that b is, no more and no less. It returns nil for all that
// net/http's server refuses or acts on before it calls its handler: ReadRequest alone does not.
func (q *request) read(b []byte, maxSize int) *http.Request {
	if len(b) > maxSize || !bytes.HasSuffix(b, []byte("\r\n\r\n")) || bytes.ContainsFunc(b, unusual) {
		return nil
	}
	q.source.Reset(b)
	q.reader.Reset(&q.source)
	r, err := http.ReadRequest(q.reader)
	if err != nil || q.source.Len()+q.reader.Buffered() > 0 {
		return nil
	}
	if r.Proto != "HTTP/1.1" || !strings.HasPrefix(r.RequestURI, "/") || r.Host == "" || !httpguts.ValidHostHeader(r.Host) || r.Header["Expect"] != nil {
		return nil
	}
	for name := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil
		}
	}
	return r
}

// unusual reports whether a character is none of those that upgrades are made of.
func unusual(c rune) bool { return (c < ' ' || c > '~') && c != '\r' && c != '\n' }

// Hijack begins an answer.
func (q *request) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	q.answer = q.answer[:0]
	return q, bufio.NewReadWriter(q.reader, q.writer), nil
}

// Write keeps a part of the answer.
func (q *request) Write(b []byte) (int, error) {
	q.answer = append(q.answer, b...)
	return len(b), nil
}

// SetDeadline has nothing to wait for.
func (q *request) SetDeadline(time.Time) error { return nil }

// Close leaves the connection to its session.
func (q *request) Close() error { return nil }

// Header is for refusals, of which there are none here.
func (q *request) Header() http.Header { return http.Header{} }

// WriteHeader is for refusals, too.
func (q *request) WriteHeader(int) {}
