package config

import (
	"fmt"
	"strings"
)

// A place is the position of a setting. line is 0 for a flag.
type place struct {
	file         string
	line, column int
}

// A source collects the errors of a configuration. It knows the position of each setting,
// so that a check of a Config can report it.
type source struct {
	file  string   // the file being read; before and after all others the main one
	files []string // the files read so far, the main one first

	meant string // what a file is

	// By the path of the setting, such as pools[0].nodes[1].weight.
	at     map[string]place
	merged map[string]place  // the position of the << that merges the setting
	from   map[string]origin // the variables in the setting
	bad    map[string]bool   // the setting, or one below it, has an error

	errs, warnings Errors
}

func newSource(file string) *source {
	return &source{
		file: file, files: []string{file}, meant: "a configuration is a mapping with the keys listeners and pools",
		at: map[string]place{}, merged: map[string]place{}, from: map[string]origin{}, bad: map[string]bool{},
	}
}

// written reports whether the setting was given and is not a default.
func (s *source) written(path string) bool {
	_, ok := s.at[path]
	return ok
}

// valid reports whether there is no error in the settings or below them. Check it before
// comparing settings: a value that could not be read still has its default.
func (s *source) valid(paths ...string) bool {
	for _, path := range paths {
		if s.bad[path] {
			return false
		}
	}
	return true
}

// errorf reports an error in the setting at path, at the position of the setting or of
// the nearest one around it.
func (s *source) errorf(path, format string, args ...any) {
	where, ok := nearest(s.at, path)
	if !ok {
		where = place{file: s.file, line: 1, column: 1}
	}
	s.errorAt(where, path, format, args...)
}

// nearest returns the entry of known for the setting at path, or for the nearest one
// around it.
func nearest[T any](known map[string]T, path string) (T, bool) {
	for p := path; ; p = parent(p) {
		if v, ok := known[p]; ok || p == "" {
			return v, ok
		}
	}
}

// whereElse returns the position of a setting that another one collides with, as ", in line 3" or
// ", at conf.d/a.yaml:3:5". It is empty if the setting was not written in a file, or is in the same
// line.
func (s *source) whereElse(setting, other string) string {
	where, ok := nearest(s.at, setting)
	if !ok || where.line == 0 {
		return ""
	}
	switch here, _ := nearest(s.at, other); {
	case here.file != where.file:
	case here.line == where.line:
		return ""
	default:
		return fmt.Sprintf(", in line %d", where.line)
	}
	return fmt.Sprintf(", at %s:%d:%d", where.file, where.line, where.column)
}

// errorAt is like errorf, but reports the position in where.
func (s *source) errorAt(where place, path, format string, args ...any) {
	for p := path; ; p = parent(p) {
		s.bad[p] = true
		if p == "" {
			break
		}
	}
	s.errs = append(s.errs, s.fault(where, path, format, args...))
}

// warnf is like errorf for a setting that can be used, but hardly means what was written.
func (s *source) warnf(path, format string, args ...any) {
	where, ok := nearest(s.at, path)
	if !ok {
		where = place{file: s.file, line: 1, column: 1}
	}
	s.warnings = append(s.warnings, s.fault(where, path, format, args...))
}

// fault makes the Error of the setting at path.
func (s *source) fault(where place, path, format string, args ...any) Error {
	message := fmt.Sprintf(format, args...)
	if from, _ := nearest(s.from, path); from.secret {
		message = "the value" + from.phrase() + " does not fit; it is a secret and is not shown"
	} else if len(from.names) > 0 {
		message += " (from " + from.String() + ")"
	}
	if by, ok := nearest(s.merged, path); ok {
		message += mergedIn(by, where)
	}
	if where.line > 0 && path != "" { // a flag names the setting itself
		message = path + ": " + message
	}
	return Error{File: where.file, Line: where.line, Column: where.column, Message: message}
}

// err returns all errors in order, or nil.
func (s *source) err() error {
	if len(s.errs) == 0 {
		return nil
	}
	s.errs.sort(s.files)
	return s.errs
}

// mergedIn returns the position of the << that merges a setting with an error; "" if it
// is in the same line.
func mergedIn(by, where place) string {
	if by.line == where.line {
		return ""
	}
	return fmt.Sprintf(" (merged in line %d)", by.line)
}

// child returns the path of a key in the mapping at path.
func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// item returns the path of an item in the list at path.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent returns the path of the mapping or list that holds the setting at path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
