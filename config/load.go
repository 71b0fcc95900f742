package config

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Load reads and parses the file at path and the files that it includes. The error is of
// type Errors.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Errors{{File: path, Message: withoutPath(err).Error()}}
	}
	defer f.Close()
	return Read(path, f)
}

// Read reads r to its end, but no more than a file may have, and parses it. name is the
// file's name in errors, and its folder is the base for included files. The error is of
// type Errors.
func Read(name string, r io.Reader) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return nil, Errors{{File: name, Message: withoutPath(err).Error()}}
	}
	return Parse(name, data)
}

// withoutPath reduces "open x: no such file or directory" to "no such file or directory",
// because the line begins with the path.
func withoutPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot %s the file: %w", pe.Op, pe.Err)
	}
	return err
}

// Parse parses a configuration. name is the file's name in errors, and its folder is the
// base for included files. Parse returns a Config that is valid and complete, or an error
// of type Errors with every fault, or the first thousand.
func Parse(name string, data []byte) (*Config, error) {
	return thisSystem.parse(name, data)
}

func (y system) parse(name string, data []byte) (*Config, error) {
	c, s, whole := y.decode(name, data)
	if !whole { // cannot check what was not read
		return nil, s.err()
	}
	return finish(c, s)
}

// decode decodes a file and the files that it includes. whole reports whether all of them
// could be read: only then is a missing setting really missing.
func (y system) decode(name string, data []byte) (c *Config, s *source, whole bool) {
	s = newSource(name)
	if len(data) > maxFileSize {
		s.errorf("", "the file is larger than %s", formatSize(maxFileSize))
		return nil, s, false
	}
	root := parseYAML(s, data)
	switch {
	case root == nil:
		return nil, s, false
	case len(root.Content) == 0:
		s.errorf("", "the file is empty; a configuration has listeners and pools")
		return nil, s, false
	}
	initial := defaultConfig
	c = &initial
	d := &decoder{source: s, system: y}
	fields := configFields(c)
	d.keys("", root, fields)
	whole = !d.stopped && d.include(c, maxFileSize-len(data)) && !d.stopped
	if whole {
		d.require("", fields)
	}
	c.Files = s.files
	return c, s, whole
}

// finish checks a decoded Config and sets the remaining defaults.
func finish(c *Config, s *source) (*Config, error) {
	c.complete()
	check(c, s)
	if err := s.err(); err != nil {
		return nil, err
	}
	warn(c, s)
	s.warnings.sort(s.files)
	c.Warnings, c.written = s.warnings, s
	return c, nil
}
