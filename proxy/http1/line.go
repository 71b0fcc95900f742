package http1

import (
	"bytes"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// line is the progress in one line, which may arrive in any number of pieces.
type line struct {
	begin  [kept]byte
	length int     // without its end
	colon  int     // offset of the first colon plus one; 0: none yet
	spaces int     // in it
	last   [8]byte // a ring of the last bytes
	ending bool    // its CR was read
}

// add adds a character.
func (l *line) add(c byte) {
	if l.length < kept {
		l.begin[l.length] = c
	}
	l.last[l.length%len(l.last)] = c
	l.length++
	switch {
	case c == ' ':
		l.spaces++
	case c == ':' && l.colon == 0:
		l.colon = l.length
	}
}

// ends returns the last 8 bytes of the line.
func (l *line) ends() (b [8]byte) {
	for i := range b {
		b[i] = l.last[(l.length+i)%len(b)]
	}
	return b
}

// field returns the name of a header field and its value, valid until the next line. The name is empty if it is too long to be
// one that matters; whole is false if the value is cut off.
func (l *line) field() (name, value []byte, whole bool) {
	if l.colon > kept {
		return nil, nil, false
	}
	return l.begin[:l.colon-1], bytes.Trim(l.begin[l.colon:min(l.length, kept)], " \t"), l.length <= kept
}

// is reports whether the field has this name.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// isTokenByte reports whether c may be in the name of a field (RFC 9110, 5.6.2).
func isTokenByte(c byte) bool { return httpguts.IsTokenRune(rune(c)) }
