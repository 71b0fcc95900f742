package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// compact returns a field that holds a mapping which is shown and compared as one value, as {prefix: test-}. It starts with
// the zero value, which means that nothing is written, and must have at least one key. example shows how it is written.
func compact[T any, P interface {
	*T
	IsZero() bool
}](key string, dst P, fields func(P) []field, example string) field {
	spelled := func() string {
		if dst.IsZero() { // most conditions of most rules
			return ""
		}
		return flow(fields(dst), fields(new(T)))
	}
	return field{key: key, decode: func(d *decoder, path string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			d.errorf(path, "is %s; it must be a mapping of %s, as %s", describe(n), keysOf(fields(dst)), example)
			return
		}
		d.mapping(path, n, fields(dst))
		if len(n.Content) == 0 {
			d.errorf(path, "is empty; write one of %s", keysOf(fields(dst)))
		}
	}, value: spelled, literals: func() []string {
		if s := spelled(); s != "" {
			return []string{s}
		}
		return nil
	}}
}

// flow writes what fields have otherwise than initial as a mapping in one line.
func flow(fields, initial []field) string {
	var parts []string
	for i, f := range fields {
		literals := f.literals()
		if sameLiterals(literals, initial[i].literals()) {
			continue
		}
		value := strings.Join(literals, ", ")
		if f.list && (!f.orOne || len(literals) != 1) {
			value = "[" + value + "]"
		}
		parts = append(parts, f.key+": "+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// keysOf lists the keys of fields.
func keysOf(fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return joinWords(keys)
}
