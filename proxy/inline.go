package proxy

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// upgradeAtOnce answers an upgrade to WebSocket whose request has come whole, as
// nearly all do. It returns stepUpgrade, and has answered nothing, for any other: those
// are the front's, which costs a goroutine, a second descriptor and the way to it and back
// (1.45 of HAProxy's CPU for a new connection in place of 1.00).
func (l *loop) upgradeAtOnce(s *session) step {
	o := s.opening
	if s.client.layers != nil || s.excess != outcomeNone {
		return stepUpgrade
	}
	if len(o.bytes) == 0 && l.fillUpTo(s, maxInline) == stepEnded {
		return stepEnded
	}
	if l.inline == nil {
		l.inline = newInline()
	}
	r := l.inline.request(o.bytes, min(maxInline, l.server.snapshot.MaxHeaderSize))
	if r == nil {
		return stepUpgrade
	}
	if source := s.source.addrPort(); source.IsValid() {
		r.RemoteAddr = source.String()
	}
	route := s.listener.front.route(r)
	if route == nil || !route.WebSocket {
		return stepUpgrade
	}
	protocol, refused := checkUpgrade(r, s.listener.Hosts, route.Origins)
	if refused != nil {
		return stepUpgrade
	}
	if _, err := upgrader(protocol).Upgrade(l.inline, r, nil); err != nil {
		return stepUpgrade // nothing was sent
	}
	o.bytes, o.owned = nil, false
	o.pool, o.entrance = route.Pool, newEntrance(route.Pool, r, protocol)
	s.server.moved += uint64(len(l.inline.answer))
	if l.seal(&s.client, l.inline.answer) != nil || s.client.kept != nil {
		return l.finish(s, ClientGone) // a new socket has room for it
	}
	return stepPeek
}

// inline is the HTTP of the upgrades that a loop answers itself, one at a time: the
// http.ResponseWriter, and the connection that the answer is written to.
type inline struct {
	net.Conn // nil: gorilla asks no more of a connection than the methods below

	source bytes.Reader
	reader *bufio.Reader
	writer *bufio.Writer
	answer []byte
}

func newInline() *inline {
	return &inline{reader: bufio.NewReader(nil), writer: bufio.NewWriter(nil)}
}

// request reads the request that b is, no more and no less. It returns nil for all that
// net/http's server refuses or acts on before it calls its handler: ReadRequest alone does not.
func (i *inline) request(b []byte, maxSize int) *http.Request {
	if len(b) > maxSize || !bytes.HasSuffix(b, []byte("\r\n\r\n")) || bytes.ContainsFunc(b, unusual) {
		return nil
	}
	i.source.Reset(b)
	i.reader.Reset(&i.source)
	r, err := http.ReadRequest(i.reader)
	if err != nil || i.source.Len()+i.reader.Buffered() > 0 {
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
func (i *inline) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	i.answer = i.answer[:0]
	return i, bufio.NewReadWriter(i.reader, i.writer), nil
}

// Write keeps a part of the answer.
func (i *inline) Write(b []byte) (int, error) {
	i.answer = append(i.answer, b...)
	return len(b), nil
}

// SetDeadline has nothing to wait for.
func (i *inline) SetDeadline(time.Time) error { return nil }

// Close leaves the connection to its session.
func (i *inline) Close() error { return nil }

// Header is for refusals, of which there are none here.
func (i *inline) Header() http.Header { return http.Header{} }

// WriteHeader is for refusals, too.
func (i *inline) WriteHeader(int) {}
