package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Load reads the file at path and parses it. The error is of type Errors.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Errors{{File: path, Message: err.Error()}}
	}
	return Parse(path, data)
}

// readFile reads a regular file, or what a pipe holds, up to maxFileSize.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, withoutPath(err)
	}
	return data, nil
}

// withoutPath leaves "no such file or directory" of "open x: no such file or
// directory": the line starts with the path.
func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot %s the file: %w", pe.Op, pe.Err)
	}
	return err
}

// Parse parses a configuration. name stands in errors for the file. It returns
// a Config that is right and complete, or an error of type Errors with all
// that is wrong.
func Parse(name string, data []byte) (*Config, error) {
	s := newSource(name)
	root := parseYAML(s, data)
	if root == nil {
		return nil, s.err()
	}
	c := defaultConfig
	d := &decoder{source: s}
	d.mapping("", root, configFields(&c))
	return finish(&c, s)
}

// finish checks a Config that has been read and fills in the defaults.
func finish(c *Config, s *source) (*Config, error) {
	c.complete()
	check(c, s)
	if err := s.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// parseYAML returns the root of the one document in data, or nil after it has
// reported why there is none.
func parseYAML(s *source, data []byte) *yaml.Node {
	if len(data) > maxFileSize {
		s.errorf("", "the file is larger than %s", formatSize(maxFileSize))
		return nil
	}
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
		s.errorf("", "the file is empty; a configuration has listeners and pools")
		return nil
	case err != nil:
		s.syntaxError(err, data)
		return nil
	}
	root := first.Content[0] // a document has one, if only a null
	if root.Tag == "!!null" {
		s.errorf("", "the file is empty; a configuration has listeners and pools")
		return nil
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF) && root.Kind == yaml.MappingNode:
		return root
	case errors.Is(err, io.EOF):
		s.errorAt(place{s.file, root.Line, root.Column}, "", "the file is %s; a configuration is a mapping with the keys listeners and pools", describe(root))
	case err != nil:
		s.syntaxError(err, data)
	default:
		s.errorAt(place{s.file, second.Line, second.Column}, "", "a second document starts here; a file holds one configuration")
	}
	return nil
}

// syntaxError reports what the YAML parser says.
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
		if startsWithTab(data, where) {
			message = "a tab; YAML is indented with spaces"
		}
	}
	s.errorAt(where, "", "not YAML: %s", message)
}

// startsWithTab reports whether the character at a place is a tab.
func startsWithTab(data []byte, where place) bool {
	for range where.line - 1 {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	runes := []rune(string(line))
	return where.column <= len(runes) && runes[where.column-1] == '\t'
}

// unreadable finds the first thing in data that is no text, and where it is.
// The YAML parser refuses the same characters, but does not say where they are.
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
