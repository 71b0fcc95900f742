package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Printable returns text that a stranger has chosen in a form that a terminal shows and
// does not obey. Text with a control character, an escape sequence or bytes that are no
// UTF-8 is quoted as in Go; so is the empty text, and text with a space at an end.
func Printable(s string) string {
	switch {
	case unmarkable(s):
		return strconv.QuoteToASCII(s)
	case s == "", !utf8.ValidString(s), strings.TrimSpace(s) != s, strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return strconv.Quote(s)
	default:
		return s
	}
}

// PrintableLines is Printable for text of several lines, which it keeps: each character
// that a terminal would obey is escaped, and nothing is quoted.
func PrintableLines(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', r == '\t':
			b.WriteRune(r)
		case !strconv.IsPrint(r):
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// maxMarks is how many marks in a row a script may need. More of them climb over the
// lines above.
const maxMarks = 3

// unmarkable reports whether text has more than maxMarks marks in a row.
func unmarkable(s string) bool {
	n := 0
	for _, r := range s {
		if n++; !isMark(r) {
			n = 0
		}
		if n > maxMarks {
			return true
		}
	}
	return false
}

func isMark(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

// Width is the number of columns that text takes on a terminal.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	if isMark(r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// Cut shortens text to at most this many columns. Text that was cut ends in ~.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	n := 1 // of the ~
	for i, r := range s {
		if n += runeWidth(r); n > columns {
			return s[:i] + "~"
		}
	}
	return s
}

// CutMiddle shortens text to at most this many columns. Text that was cut has a ~ in its
// middle.
func CutMiddle(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	head := Cut(s, max(columns/2, 1)) // with the ~
	room, from := columns-Width(head), len(s)
	for from > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:from])
		if room -= runeWidth(r); room < 0 {
			break
		}
		from -= size
	}
	return head + s[from:]
}
