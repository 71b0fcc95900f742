package config

import (
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// oneOrMore returns a field that holds a single value or a list of values.
func oneOrMore[T any](key string, dst *[]T, parse func(*yaml.Node) (T, error)) field {
	f := scalars(key, dst, 1, parse)
	many, list := f.decode, f.value
	f.orOne = true
	f.value = func() string {
		if len(*dst) == 1 {
			return spell(key, (*dst)[0])
		}
		return list()
	}
	f.decode = func(d *decoder, path string, n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			many(d, path, n)
			return
		}
		v, err := parse(n)
		if err != nil {
			d.errorf(path, "%v", err)
		}
		*dst = []T{v}
	}
	return f
}

// includedFields returns the keys of an included file.
func includedFields(c *Config) []field {
	fields := configFields(c)
	for i := range fields {
		if fields[i].key == includeKey {
			// No value of its own, so that it is not reported as set already.
			fields[i] = field{key: includeKey, fields: []field{}, decode: func(d *decoder, path string, _ *yaml.Node) {
				d.errorf(path, "an included file includes no others; write them in %s, which includes this one", d.files[0])
			}}
		}
	}
	return fields
}

const includeKey = "include"

// include decodes the files that c.Include names; room is how many bytes they may have
// together. It returns false after reporting a file that is not complete.
func (d *decoder) include(c *Config, room int) bool {
	whole, main := d.valid(includeKey), d.file
	read := map[string]bool{canonical(main): true}
	for i, pattern := range c.Include {
		at := item(includeKey, i)
		if !d.written(at) {
			at = includeKey // it is not written as a list
		}
		if !d.valid(at) {
			continue
		}
		if !d.count(at) {
			return false
		}
		paths, err := d.glob(filepath.Dir(main), pattern)
		if err != nil {
			d.errorf(at, "%v", err)
			whole = false
		}
		for _, path := range paths {
			name := canonical(path)
			if _, err := parseFile(path); err != nil { // a file that matches a pattern may have any name
				d.errorf(at, "%v", err)
				whole = false
				continue
			}
			if read[name] {
				d.errorf(at, "%s has been read already; a file is read once", path)
				continue
			}
			read[name] = true
			if len(d.files) > maxIncluded {
				d.errorf(at, "%s is one file too many; a configuration includes at most %d", path, maxIncluded)
				return false
			}
			data, err := d.readFile(path, room)
			if err == nil && len(data) > room {
				d.errorf(at, "the configuration is larger than %s with %s; that is the most for all files together", formatSize(maxFileSize), path)
				return false
			}
			if err != nil {
				d.errorf(at, "%v", err)
				whole = false
				continue
			}
			room -= len(data)
			whole = d.decodeIncluded(path, data, c) && whole
		}
	}
	return whole
}

// decodeIncluded decodes the text of an included file.
func (d *decoder) decodeIncluded(path string, data []byte, c *Config) bool {
	main := d.file
	d.file, d.files = path, append(d.files, path)
	defer func() { d.file = main }()
	root := parseYAML(d.source, data)
	if root == nil {
		return false
	}
	d.keys("", root, includedFields(c))
	return true
}

// canonical returns the one name for a file that may have several.
func canonical(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}
