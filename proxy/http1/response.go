package http1

import (
	"errors"
	"strconv"
	"strings"
)

// The errors of responses.
var (
	ErrBothLengths = errors.New("the response has Content-Length and Transfer-Encoding: one reader ends it where another one does not")
	ErrBehind      = errors.New("bytes came behind the response")
)

// A Response follows one response, and the interim responses before it. It is lenient: it refuses what has two ends, and bytes
// behind the end. Where it is not sure of the end, all bytes are good.
type Response struct {
	NoBody bool // the request was HEAD

	stage   stage // atStart in the header; inBody, inChunkSize, inChunk, inChunkEnd, inTrailer; see also over
	line    line
	lines   int  // of this header
	old     bool // HTTP/1.0
	status  int
	lengths int
	codings int
	length  int64
	chunked bool
	rest    int64
	over    bool // nothing may follow
	unsure  bool // of the end, which may be the connection's
}

// Follow follows the next bytes from the node, and returns how many of them are good. The others come with an error.
func (r *Response) Follow(b []byte) (n int, err error) {
	for n < len(b) {
		switch {
		case r.unsure:
			return len(b), nil
		case r.over:
			return n, ErrBehind
		case r.stage == inBody || r.stage == inChunk:
			most := int(min(r.rest, int64(len(b)-n)))
			n += most
			if r.rest -= int64(most); r.rest == 0 {
				r.over, r.stage = r.stage == inBody, inChunkEnd
			}
			continue
		}
		switch c := b[n]; c {
		case '\r': // at the end of a line; anywhere else net/http refuses it or takes it for a part of the value
		case '\n':
			if err := r.endLine(); err != nil {
				return n, err
			}
			r.line = line{}
		default:
			r.line.add(c)
		}
		n++
	}
	return n, nil
}

// Whole reports whether the response has ended.
func (r *Response) Whole() bool { return r.over }

func (r *Response) endLine() error {
	l := &r.line
	switch r.stage {
	case inChunkSize:
		size, _, _ := strings.Cut(string(l.begin[:min(l.length, kept)]), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 63)
		r.rest, r.stage, r.unsure = int64(n), inChunk, err != nil
		if n == 0 {
			r.stage = inTrailer
		}
	case inChunkEnd:
		r.stage, r.unsure = inChunkSize, l.length > 0
	case inTrailer:
		r.over = l.length == 0
	default:
		return r.endField()
	}
	return nil
}

// endField is endLine for the header.
func (r *Response) endField() error {
	l := &r.line
	r.lines++
	switch {
	case r.lines == 1:
		version, status, _ := strings.Cut(string(l.begin[:min(l.length, kept)]), " ")
		r.status, _ = strconv.Atoi(status[:min(len(status), 3)])
		r.old = version != "HTTP/1.1"
	case l.length == 0:
		return r.headerRead()
	case l.colon > 0:
		switch name, value, _ := l.field(); {
		case is(name, "content-length"):
			r.lengths++
			r.length = parseLength(string(value))
		case is(name, "transfer-encoding"):
			r.codings++
			r.chunked = strings.EqualFold(string(value), "chunked")
		}
	}
	return nil
}

func (r *Response) headerRead() error {
	switch {
	case r.lengths > 0 && r.codings > 0:
		return ErrBothLengths
	case r.status/100 == 1 && r.status != 101:
		*r = Response{NoBody: r.NoBody}
	case r.status == 101, r.old:
		r.unsure = true
	case r.NoBody, r.status == 204, r.status == 304:
		r.over = true
	case r.codings > 0:
		r.stage, r.unsure = inChunkSize, !r.chunked || r.codings > 1
	case r.lengths > 0:
		r.stage, r.rest = inBody, r.length
		r.over, r.unsure = r.length == 0, r.length < 0
	default:
		r.unsure = true
	}
	return nil
}
