package http1

import (
	"strconv"
	"strings"
)

// framing is what the fields of a header say about the end of their message.
type framing struct {
	old      bool // HTTP/1.0
	hosts    int
	lengths  int
	codings  int
	length   int64
	chunked  bool
	upgrades bool // has an Upgrade field
}

// read takes the whole line of a field.
func (m *framing) read(l *line) *Fault {
	name, value, whole := l.field()
	switch {
	case is(name, "host"):
		if m.hosts++; m.hosts > 1 {
			return errHosts
		}
	case is(name, "upgrade"):
		m.upgrades = true
	case is(name, "content-length"):
		if m.lengths++; m.lengths > 1 {
			return errLengths
		}
		if m.length = parseLength(string(value)); m.length < 0 || !whole {
			return errLength
		}
	case is(name, "transfer-encoding"):
		if m.codings++; m.codings > 1 {
			return errCodings
		}
		return m.readCoding(string(value), whole)
	}
	return nil
}

func (m *framing) readCoding(value string, whole bool) *Fault {
	last := value[strings.LastIndexByte(value, ',')+1:]
	switch {
	case m.old:
		return errOldChunked
	case !whole || !strings.EqualFold(strings.Trim(last, " \t"), "chunked"):
		return errCoding
	case len(last) != len(value):
		return errUnknown
	}
	m.chunked = true
	return nil
}

// check is for the end of the header.
func (m *framing) check() *Fault {
	if m.lengths > 0 && m.codings > 0 {
		return errBothLengths // RFC 9112, 6.3: it may be an attempt at request smuggling
	}
	return nil
}

// parseLength returns the value of a Content-Length, or -1.
func parseLength(s string) int64 {
	if s == "" || len(s) > maxLengthDigits || strings.Trim(s, "0123456789") != "" {
		return -1
	}
	n, _ := strconv.ParseInt(s, 10, 64) // it has digits alone
	return n
}
