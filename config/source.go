package config

import (
	"fmt"
	"strings"
)

// A place is where a setting was written. Line is 0 for a flag.
type place struct {
	file         string
	line, column int
}

// A source collects what is wrong with a configuration. It knows where each
// setting was written, so that checks which see only a Config can point there.
type source struct {
	file string
	at   map[string]place // by the path of the setting: pools[0].nodes[1].weight
	bad  map[string]bool  // paths that have an error, and all paths above them
	errs Errors
}

func newSource(file string) *source {
	return &source{file: file, at: map[string]place{}, bad: map[string]bool{}}
}

// written reports whether the setting was given, rather than left to its default.
func (s *source) written(path string) bool {
	_, ok := s.at[path]
	return ok
}

// good reports whether no error has been found in the settings or below them.
// A check that compares settings asks this first: a value that could not be
// read would be compared by its default, which nobody wrote.
func (s *source) good(paths ...string) bool {
	for _, path := range paths {
		if s.bad[path] {
			return false
		}
	}
	return true
}

// errorf reports an error in the setting at path, at the place where it or the
// nearest setting around it was written.
func (s *source) errorf(path, format string, args ...any) {
	where := place{file: s.file, line: 1, column: 1}
	for p := path; ; p = parent(p) {
		if w, ok := s.at[p]; ok {
			where = w
			break
		}
		if p == "" {
			break
		}
	}
	s.errorAt(where, path, format, args...)
}

// errorAt reports an error in the setting at path at a place of its own.
func (s *source) errorAt(where place, path, format string, args ...any) {
	for p := path; ; p = parent(p) {
		s.bad[p] = true
		if p == "" {
			break
		}
	}
	message := fmt.Sprintf(format, args...)
	if where.line > 0 && path != "" { // a flag names the setting itself
		message = path + ": " + message
	}
	s.errs = append(s.errs, Error{File: where.file, Line: where.line, Column: where.column, Message: message})
}

// err returns all errors in order, or nil.
func (s *source) err() error {
	if len(s.errs) == 0 {
		return nil
	}
	s.errs.sort()
	return s.errs
}

// child is the path of a key in the mapping at path.
func child(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// item is the path of an item in the list at path.
func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// parent is the path of what holds the setting at path.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
