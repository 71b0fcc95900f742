package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// parseYAML parses data, the text of the file that s reads, and returns its mapping. A
// file with nothing but comments is an empty mapping. It returns nil after reporting an
// error.
func parseYAML(s *source, data []byte) *yaml.Node {
	if where, what := unreadable(data); what != "" {
		where.file = s.file
		s.errorAt(where, "", "%s", what)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		s.errorf("", "%v", err)
		return nil
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		return &yaml.Node{Kind: yaml.MappingNode}
	case err != nil:
		s.syntaxError(err, data)
		return nil
	}
	root := first.Content[0] // every document has one, even if it is null
	if root.Tag == "!!null" {
		root = &yaml.Node{Kind: yaml.MappingNode}
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF) && root.Kind == yaml.MappingNode:
		return root
	case errors.Is(err, io.EOF):
		s.errorAt(place{s.file, root.Line, root.Column}, "", "the file is %s; %s", describe(root), s.meant)
	case err != nil:
		s.syntaxError(err, data)
	default:
		s.errorAt(place{s.file, second.Line, second.Column}, "", "a second document starts here; a file holds one configuration")
	}
	return nil
}

// syntaxError reports an error of the YAML parser.
func (s *source) syntaxError(err error, data []byte) {
	where, message := place{s.file, 1, 1}, err.Error()
	var le *yaml.LoadError
	if errors.As(err, &le) {
		message = le.Message
		if le.ContextMsg != "" {
			message = le.ContextMsg + ": " + message
		}
		if le.Mark.Line > 0 {
			where.line, where.column = le.Mark.Line, max(le.Mark.Column, 1)
		}
		switch before, at := runesAt(data, where); {
		case at == '\t':
			message = "a tab; YAML is indented with spaces"
		case before == '$' && at == '{':
			message += `; within { } and [ ] write a variable in quotes: "${NAME}"`
		}
	}
	s.errorAt(where, "", "not YAML: %s", message)
}

// runesAt returns the characters before and at a position, 0 if there is none.
func runesAt(data []byte, where place) (before, at rune) {
	for range where.line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	runes := append([]rune{0}, []rune(string(line))...)
	if where.column >= len(runes) {
		return 0, 0
	}
	return runes[where.column-1], runes[where.column]
}

// unreadable returns the position and a description of the first bytes in data that are
// not text. The YAML parser refuses the same characters, but does not give their
// position.
func unreadable(data []byte) (place, string) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return place{line: 1, column: 1}, "the file is in UTF-16; save it in UTF-8"
	}
	where := place{line: 1, column: 1}
	for rest := strings.TrimPrefix(string(data), "\ufeff"); rest != ""; {
		c, n := utf8.DecodeRuneInString(rest)
		switch {
		case c == utf8.RuneError && n == 1:
			return where, fmt.Sprintf("the byte 0x%02x is not UTF-8", rest[0])
		case !isPrintable(c):
			return where, fmt.Sprintf("the control character %U is not allowed", c)
		case c == '\n':
			where.line, where.column = where.line+1, 0
		}
		where.column++
		rest = rest[n:]
	}
	return place{}, ""
}

// isPrintable reports whether YAML allows a character in a file (YAML 1.2.2, 5.1).
func isPrintable(c rune) bool {
	switch {
	case c == '\t' || c == '\n' || c == '\r' || c == 0x85:
		return true
	case c < ' ' || 0x7f <= c && c < 0xa0 || c == 0xfeff || c == 0xfffe || c == 0xffff:
		return false
	}
	return true
}
