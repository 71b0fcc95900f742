package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A decoder turns a tree of YAML nodes into a Config. The language is written
// down in language.go as fields; the decoder knows what a mapping and a list
// are, and is strict about both.
type decoder struct {
	*source
	values int // seen so far
}

// A field is one key of a mapping: what it is called, where its value goes.
type field struct {
	key      string
	required bool
	fields   []field // of the mapping, or of each mapping in the list, that is the value
	decode   func(d *decoder, path string, n *yaml.Node)
}

// scalar is a field with a single value.
func scalar[T any](key string, dst *T, parse func(*yaml.Node) (T, error)) field {
	return field{key: key, decode: func(d *decoder, path string, n *yaml.Node) {
		v, err := parse(n)
		if err != nil {
			d.errorf(path, "%v", err)
			return
		}
		*dst = v
	}}
}

// section is a field that holds a mapping.
func section(key string, fields []field) field {
	return field{key: key, fields: fields, decode: func(d *decoder, path string, n *yaml.Node) {
		d.mapping(path, n, fields)
	}}
}

// optional is a section that is nil unless it is written, and then starts from initial.
func optional[T any](key string, dst **T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		value := initial
		*dst = &value
		d.mapping(path, n, fields(*dst))
	}}
}

// mappings is a field that holds a list of mappings. Each item starts from initial.
func mappings[T any](key string, dst *[]T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		for i, c := range d.list(path, n, 1) {
			*dst = append(*dst, initial)
			at := item(path, i)
			if c = d.enter(at, c); c != nil {
				d.mapping(at, c, fields(&(*dst)[i]))
			}
		}
	}}
}

// scalars is a field that holds a list of single values, least or more. An
// empty list that is written is not nil.
func scalars[T any](key string, dst *[]T, least int, parse func(*yaml.Node) (T, error)) field {
	return field{key: key, decode: func(d *decoder, path string, n *yaml.Node) {
		*dst = []T{}
		for i, c := range d.list(path, n, least) {
			at := item(path, i)
			if c = d.enter(at, c); c == nil {
				continue
			}
			v, err := parse(c)
			if err != nil {
				d.errorf(at, "%v", err)
			}
			*dst = append(*dst, v)
		}
	}}
}

// must makes a field required.
func must(f field) field {
	f.required = true
	return f
}

// enter notes where the value at path stands and returns the node that holds
// it, behind any alias. It returns nil when there is nothing to decode.
func (d *decoder) enter(path string, n *yaml.Node) *yaml.Node {
	d.at[path] = d.place(n)
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.errorf(path, "is one value too many; a file has at most %d, counted again through each alias", maxValues)
		}
		return nil
	}
	if n.Kind == yaml.AliasNode { // of an alias there is none: the parser resolves it
		n = n.Alias
	}
	if n.Tag == "!!null" {
		d.errorf(path, "has no value; write one or remove the key")
		return nil
	}
	return n
}

// mapping decodes n into fields.
func (d *decoder) mapping(path string, n *yaml.Node, fields []field) {
	if n.Kind != yaml.MappingNode {
		d.errorf(path, "is %s; it must be a mapping of keys to values", describe(n))
		return
	}
	lines := map[string]int{} // where each key was seen
	for i := 0; i+1 < len(n.Content) && d.values <= maxValues; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		where := d.place(key)
		if key.Tag == "!!merge" {
			d.errorAt(where, path, "<< (a merge key) is not part of the language; write the keys out")
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d.errorAt(where, path, "has %s as a key; a key is a word", describe(key))
			continue
		}
		if first, ok := lines[key.Value]; ok {
			d.errorAt(where, path, "duplicate key %s; the first is in line %d", quote(key.Value), first)
			continue
		}
		lines[key.Value] = key.Line
		f := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if f < 0 {
			d.values++ // so that a file of nothing but unknown keys has an end, too
			d.errorAt(where, path, "unknown key %s; %s", quote(key.Value), suggest(key.Value, fields))
			continue
		}
		at := child(path, key.Value)
		if value = d.enter(at, value); value != nil {
			fields[f].decode(d, at, value)
		}
	}
	if d.values > maxValues {
		return // the rest has not been read
	}
	for _, f := range fields {
		if _, ok := lines[f.key]; f.required && !ok {
			d.errorf(child(path, f.key), "is missing")
		}
	}
}

// list returns the items of n, of which there must be one if least is 1.
func (d *decoder) list(path string, n *yaml.Node, least int) []*yaml.Node {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.errorf(path, "is %s; it must be a list", describe(n))
		return nil
	case len(n.Content) < least:
		d.errorf(path, "is empty; at least one is needed")
	}
	return n.Content[:min(len(n.Content), maxValues)]
}

func (d *decoder) place(n *yaml.Node) place {
	return place{file: d.file, line: n.Line, column: n.Column}
}

// describe says what a node is, for an error about what it should be.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case n.Tag == "!!str":
		return "the text " + quote(n.Value)
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "the number " + abbreviate(n.Value)
	case strings.HasPrefix(n.Tag, "!!"):
		return "the " + n.Tag[2:] + " " + abbreviate(n.Value)
	}
	return "a value with the tag " + quote(n.Tag)
}
