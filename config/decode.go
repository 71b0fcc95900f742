package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A decoder turns a tree of YAML nodes into a Config, or several trees, one of
// each file, into the same: lists grow, and a setting stands in one file. The
// language is written down in language.go as fields; the decoder knows what a
// mapping and a list are, and is strict about both.
type decoder struct {
	*source
	system
	values   int // seen so far
	expanded int // bytes that variables have brought so far
}

// A field is one key of a mapping: what it is called, where its value goes.
type field struct {
	key      string
	required bool
	secret   bool    // the value is shown nowhere
	fields   []field // of the mapping, or of each mapping in the list, that is the value
	decode   func(d *decoder, path string, n *yaml.Node)

	// What the Config has for the key, one of three. Diff reads it.
	value   func() string    // as a file has it, in one line; empty if there is none
	section func() []field   // nil if there is none
	items   func() [][]field // of a list of mappings
	initial func() []field   // what section, where it may be nil, and each of items start from

	// What YAML writes: value, or each of its items if it is a list; nil if there is none.
	literals func() []string
	list     bool
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
	}, value: func() string { return spell(key, *dst) }, literals: func() []string { return []string{literal(key, *dst)} }}
}

// section is a field that holds a mapping.
func section(key string, fields []field) field {
	return field{key: key, fields: fields, decode: func(d *decoder, path string, n *yaml.Node) {
		d.mapping(path, n, fields)
	}, section: func() []field { return fields }}
}

// optional is a section that is nil unless it is written, and then starts from initial.
func optional[T any](key string, dst **T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		if *dst == nil { // else another file has a part of it
			value := initial
			*dst = &value
		}
		d.mapping(path, n, fields(*dst))
	}, section: func() []field {
		if *dst == nil {
			return nil
		}
		return fields(*dst)
	}, initial: func() []field { return fields(&initial) }}
}

// mappings is a field that holds a list of mappings. Each item starts from initial.
func mappings[T any](key string, dst *[]T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		for _, c := range d.list(path, n, 1) {
			i := len(*dst) // more than 0 at the first if another file has items, too
			*dst = append(*dst, initial)
			at := item(path, i)
			if c = d.enter(at, c); c != nil {
				d.mapping(at, c, fields(&(*dst)[i]))
			}
		}
	}, items: func() [][]field {
		items := make([][]field, len(*dst))
		for i := range items {
			items[i] = fields(&(*dst)[i])
		}
		return items
	}, initial: func() []field { return fields(&initial) }}
}

// scalars is a field that holds a list of single values, least or more. An
// empty list that is written is not nil.
func scalars[T any](key string, dst *[]T, least int, parse func(*yaml.Node) (T, error)) field {
	return field{key: key, decode: func(d *decoder, path string, n *yaml.Node) {
		*dst = []T{}
		for i, c := range d.list(path, n, least) {
			var v T // of what has an error, so that the others keep their paths
			at := item(path, i)
			if c = d.enter(at, c); c != nil {
				var err error
				if v, err = parse(c); err != nil {
					d.errorf(at, "%v", err)
				}
			}
			*dst = append(*dst, v)
		}
	}, value: func() string { return spellList(key, *dst) }, list: true, literals: func() []string {
		if *dst == nil {
			return nil
		}
		literals := make([]string, len(*dst))
		for i, v := range *dst {
			literals[i] = literal(key, v)
		}
		return literals
	}}
}

// must makes a field required.
func must(f field) field {
	f.required = true
	return f
}

// secret makes a field one whose value is shown nowhere.
func secret(f field) field {
	f.secret = true
	return f
}

// enter notes where the value at path stands and returns the node that holds
// it, behind any alias and with the values of its variables. It returns nil when
// there is nothing to decode.
func (d *decoder) enter(path string, n *yaml.Node) *yaml.Node {
	d.at[path] = d.place(n)
	if !d.count(path) {
		return nil
	}
	n = target(n)
	if n.Tag == "!!null" {
		d.errorf(path, "has no value; write one or remove the key")
		return nil
	}
	return d.expand(path, n)
}

// count counts a value in the setting at path. It returns false, and has reported
// the first, if that is beyond maxValues.
func (d *decoder) count(path string) bool {
	if d.values++; d.values == maxValues+1 {
		d.errorf(path, "is one value too many; a configuration has at most %d, counted again through each alias and each merge", maxValues)
	}
	return d.values <= maxValues
}

// mapping decodes n into fields.
func (d *decoder) mapping(path string, n *yaml.Node, fields []field) {
	if n.Kind != yaml.MappingNode {
		d.errorf(path, "is %s; it must be a mapping of keys to values", describe(n))
		return
	}
	d.keys(path, n, fields)
	d.require(path, fields)
}

// keys decodes what the mapping n has of fields.
func (d *decoder) keys(path string, n *yaml.Node, fields []field) {
	for _, p := range d.pairs(path, n) {
		if d.values > maxValues {
			return
		}
		key := p.key.Value
		f := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if f < 0 {
			d.count(path) // so that a file of nothing but unknown keys has an end, too
			if path != "" || !strings.HasPrefix(key, extension) {
				hint := suggest(key, fields)
				if path == "" && p.value.Anchor != "" {
					hint += "; a key for anchors begins with x-"
				}
				if p.by != nil {
					hint += mergedIn(d.place(p.by), d.place(p.key))
				}
				d.errorAt(d.place(p.key), path, "unknown key %s; %s", quote(key), hint)
			}
			continue
		}
		at := child(path, key)
		if first, ok := d.at[at]; ok && fields[f].fields == nil { // in another file: in this one the key is there once
			d.errorAt(d.place(p.value), at, "is set already, at %s:%d:%d; a setting stands in one file", first.file, first.line, first.column)
			continue
		}
		if p.by != nil {
			d.merged[at] = d.place(p.by)
		}
		if fields[f].secret {
			d.from[at] = origin{secret: true}
		}
		if value := d.enter(at, p.value); value != nil {
			fields[f].decode(d, at, value)
		}
	}
}

// extension begins the keys of a file that are the user's own: what is there is
// for anchors, or for other programs.
const extension = "x-"

// require reports the fields that are not written and must be.
func (d *decoder) require(path string, fields []field) {
	if d.values > maxValues {
		return // the rest has not been read
	}
	for _, f := range fields {
		if at := child(path, f.key); f.required && !d.written(at) {
			d.errorf(at, "is missing")
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
