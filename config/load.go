package config

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Load reads the file at path, and those that it includes, and parses them. The
// error is of type Errors.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Errors{{File: path, Message: withoutPath(err).Error()}}
	}
	defer f.Close()
	return Read(path, f)
}

// Read parses what r holds, up to its end; it does not read more than a file may
// have. name stands in errors for the file, and files that are included are found
// from the folder in it. The error is of type Errors.
func Read(name string, r io.Reader) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err != nil {
		return nil, Errors{{File: name, Message: withoutPath(err).Error()}}
	}
	return Parse(name, data)
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

// Parse parses a configuration. name stands in errors for the file, and files
// that are included are found from the folder in it. Parse returns a Config that
// is right and complete, or an error of type Errors with all that is wrong.
func Parse(name string, data []byte) (*Config, error) {
	return thisSystem.parse(name, data)
}

func (y system) parse(name string, data []byte) (*Config, error) {
	c, s, whole := y.decode(name, data)
	if !whole { // what is not there cannot be checked
		return nil, s.err()
	}
	return finish(c, s)
}

// decode decodes a file and those that it includes. whole says whether all of
// them could be read, so that what is missing is in none of them.
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
	whole = d.include(c, maxFileSize-len(data))
	if whole {
		d.require("", fields)
	}
	c.Files = s.files
	return c, s, whole
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
