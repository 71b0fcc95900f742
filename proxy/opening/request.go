package opening

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"mqttlb/proxy/http1"
	"mqttlb/proxy/match"
	"mqttlb/proxy/outcome"
)

// readRequest answers an upgrade to WebSocket. net/http serves all other HTTP. That costs
// a goroutine, a second descriptor and the transfer there and back (for a new connection
// 1.45 of HAProxy's CPU instead of 1.00).
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
	header := o.bytes[:min(o.header.at+1, len(o.bytes))] // frames may follow at once
	r := sc.request.read(header, most)
	if r == nil {
		return Verdict{Kind: HTTP}
	}
	if o.Source.IsValid() {
		r.RemoteAddr = o.Source.String()
	}
	facts := match.Facts{Address: o.Source.Addr(), TLS: o.TLS}
	if !o.forwarded {
		facts.Address = o.OfRequest(o.listener, r.Header).Source.Addr()
	}
	route, err := o.listener.Target(r, facts)
	if err != nil || route == nil || !route.WebSocket || CheckHost(r, o.listener) != nil {
		return Verdict{Kind: HTTP}
	}
	accepted, refused := Accept(o.listener, route, r, facts)
	if refused != nil {
		return Verdict{Kind: HTTP}
	}
	if !o.forwarded && o.Shared && o.listener.ForwardedFor {
		o.forwarded, o.Client = true, o.OfRequest(o.listener, r.Header)
		o.stage = atRequest // once more, unless the client is beyond a limit
		return Verdict{Kind: Address}
	}
	if _, err := Upgrader().Upgrade(sc.request, r, accepted.Header()); err != nil {
		return Verdict{Kind: HTTP}
	}
	o.Upgraded(accepted, o.bytes[len(header):])
	return Verdict{Kind: Upgrade, Reply: sc.request.answer}
}

// headerScanner finds the end of a request's header, which may arrive in any number of
// pieces. It scans each byte once. The zero value is ready for use.
type headerScanner struct {
	line int // offset of the first incomplete line
	at   int // bytes scanned
}

// done reports whether b, everything that the client has sent so far, holds the whole header.
// It also returns true as soon as b cannot be an upgrade or is not HTTP, because net/http then
// has the right answer.
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

// request answers one upgrade at a time. It is the http.ResponseWriter, and the
// connection that the answer is written to.
type request struct {
	net.Conn // nil: gorilla only uses the methods below

	source bytes.Reader
	reader *bufio.Reader
	writer *bufio.Writer
	answer []byte
}

func newRequest() *request {
	return &request{reader: bufio.NewReader(nil), writer: bufio.NewWriter(nil)}
}

// read parses b, which must be exactly one request. It returns nil for every request that
// net/http's server would refuse or act on before it calls its handler; ReadRequest does not do
// so.
func (q *request) read(b []byte, maxSize int) *http.Request {
	if len(b) > maxSize || !bytes.HasSuffix(b, []byte("\r\n\r\n")) || bytes.ContainsFunc(b, unusual) {
		return nil
	}
	var wire http1.Follower // ReadRequest joins and repairs what it reads
	if _, fault := wire.Follow(b); fault != nil || wire.Upgraded() != 1 || !wire.AtStart() {
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

// unusual reports whether a character never occurs in an upgrade.
func unusual(c rune) bool { return (c < ' ' || c > '~') && c != '\r' && c != '\n' }

// Hijack begins an answer.
func (q *request) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	q.answer = q.answer[:0]
	return q, bufio.NewReadWriter(q.reader, q.writer), nil
}

// Write adds to the answer.
func (q *request) Write(b []byte) (int, error) {
	q.answer = append(q.answer, b...)
	return len(b), nil
}

// SetDeadline does nothing, because Write never blocks.
func (q *request) SetDeadline(time.Time) error { return nil }

// Close does nothing: the session owns the connection.
func (q *request) Close() error { return nil }

// Header is only for refusals, which do not happen here.
func (q *request) Header() http.Header { return http.Header{} }

// WriteHeader is only for refusals, too.
func (q *request) WriteHeader(int) {}
