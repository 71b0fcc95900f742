package http1

import (
	"strconv"
	"strings"
)

// stage is the part of a message that comes next.
type stage uint8

const (
	atStart stage = iota // before a message: empty lines are skipped (RFC 9112, 2.2)
	inRequestLine
	inHeader
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
)

// A Follower follows the requests of one connection. The zero value is at its beginning.
type Follower struct {
	stage   stage
	line    line
	framing framing
	rest    int64 // bytes of the body or the chunk
	fault   *Fault

	headers  int // that are whole
	upgraded int // headers when the last one with an Upgrade field and no body was whole; 0: none
}

// Follow follows the next bytes of the connection. It returns how many are good; the others belong to a message that is refused
// with the fault. After a fault nothing is good any more.
func (f *Follower) Follow(b []byte) (n int, fault *Fault) {
	for n < len(b) && f.fault == nil {
		switch f.stage {
		case inBody, inChunk:
			most := int(min(f.rest, int64(len(b)-n)))
			n += most
			if f.rest -= int64(most); f.rest == 0 {
				f.bodyRead()
			}
			continue
		case atStart, inRequestLine, inHeader, inChunkSize, inChunkEnd, inTrailer:
		}
		if f.fault = f.take(b[n]); f.fault == nil {
			n++
		}
	}
	return n, f.fault
}

// Headers returns how many headers were whole.
func (f *Follower) Headers() int { return f.headers }

// AtStart reports whether the bytes so far end with a message.
func (f *Follower) AtStart() bool { return f.stage == atStart && f.fault == nil }

// InHeader reports whether the next byte, or that of the fault, belongs to a header and not to a body.
func (f *Follower) InHeader() bool { return f.stage <= inHeader }

// Upgraded returns the number of the last request with an Upgrade field and no body, as counted by Headers; 0: none. If it is
// answered with 101, the bytes behind it are not HTTP.
func (f *Follower) Upgraded() int { return f.upgraded }

// take takes one byte of a line.
func (f *Follower) take(c byte) *Fault {
	l := &f.line
	switch {
	case c == '\n' && !l.ending:
		return errLineFeed
	case c == '\n':
		fault := f.endLine()
		*l = line{}
		return fault
	case l.ending:
		return errCarriage
	case c == '\r':
		l.ending = true
		return nil
	case c < ' ' && c != '\t' || c == 0x7f:
		return errControl
	}
	switch f.stage {
	case atStart:
		f.stage, f.framing = inRequestLine, framing{}
		fallthrough
	case inRequestLine:
		if c == '\t' || l.length == 0 && !isTokenByte(c) {
			return errRequestLine
		}
	case inHeader, inTrailer:
		switch {
		case l.length == 0 && (c == ' ' || c == '\t'):
			return errFold // RFC 9112, 5.2 and 2.2
		case l.colon == 0 && c != ':' && !isTokenByte(c), l.length == 0 && c == ':':
			return errName
		}
	case inChunkSize:
		if l.length >= maxChunkLine {
			return errLongLine
		}
	case inChunkEnd:
		return errChunkEnd
	case inBody, inChunk:
	}
	l.add(c)
	return nil
}

// endLine acts on a whole line.
func (f *Follower) endLine() *Fault {
	l := &f.line
	switch f.stage {
	case inRequestLine:
		return f.readRequestLine()
	case inHeader:
		switch {
		case l.length == 0:
			return f.headerRead()
		case l.colon == 0:
			return errName
		}
		return f.framing.read(l)
	case inChunkSize:
		return f.readChunkSize()
	case inChunkEnd:
		f.stage = inChunkSize
	case inTrailer:
		switch {
		case l.length == 0:
			f.stage = atStart
		case l.colon == 0:
			return errName
		}
	case atStart, inBody, inChunk:
	}
	return nil
}

func (f *Follower) readRequestLine() *Fault {
	ends := f.line.ends()
	version, found := strings.CutPrefix(string(ends[:]), "HTTP/")
	switch {
	case !found || f.line.spaces != 2 || len(version) != 3 || version[1] != '.' || !isDigit(version[0]) || !isDigit(version[2]):
		return errRequestLine
	case version[0] != '1':
		return errVersion
	}
	f.framing.old = version[2] == '0'
	f.stage = inHeader
	return nil
}

func (f *Follower) headerRead() *Fault {
	m := &f.framing
	if fault := m.check(); fault != nil {
		return fault
	}
	f.headers++
	switch {
	case m.chunked:
		f.stage = inChunkSize
	case m.length > 0:
		f.stage, f.rest = inBody, m.length
	default:
		f.stage = atStart
		if m.upgrades {
			f.upgraded = f.headers
		}
	}
	return nil
}

func (f *Follower) readChunkSize() *Fault {
	size, _, extended := strings.Cut(string(f.line.begin[:min(f.line.length, kept)]), ";")
	if !extended && f.line.length <= kept {
		size = strings.TrimRight(size, " ") // some old clients pad it
	}
	n, err := strconv.ParseUint(size, 16, 64)
	if err != nil || len(size) > maxChunkDigits {
		return errChunk
	}
	f.stage, f.rest = inChunk, int64(n)
	if n == 0 {
		f.stage = inTrailer
	}
	return nil
}

// bodyRead is for the end of a body with a length, or of a chunk.
func (f *Follower) bodyRead() {
	if f.stage == inChunk {
		f.stage = inChunkEnd
		return
	}
	f.stage = atStart
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
