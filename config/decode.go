package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A decoder turns trees of YAML nodes, one for each file, into one Config: lists of
// several files are joined, and each other setting may be in one file only. language.go
// describes the language as fields. The decoder handles mappings and lists, and is strict
// about both.
type decoder struct {
	*source
	system
	values   int // seen so far
	expanded int // bytes of variables expanded so far
}

// A field is one key of a mapping: its name and the destination of its value.
type field struct {
	key      string
	required bool
	secret   bool    // the value is never shown
	fields   []field // of the mapping that is the value, or of each mapping in the list that is the value
	decode   func(d *decoder, path string, n *yaml.Node)

	// The value in the Config, as one of three. Diff uses it.
	value   func() string    // as it is written in a file, in one line; empty if there is none
	section func() []field   // nil if there is none
	items   func() [][]field // for a list of mappings
	initial func() []field   // the defaults of section, if it may be nil, and of each of items

	// orOff says that the section may be nil, which is written as the word off.
	orOff bool

	// literals are what YAML writes: the value, or each of its items if it is a list; nil if
	// there is none.
	literals func() []string
	list     bool
	orOne    bool // a list of one is written without brackets
}

// mapping returns the section of a field and the section that it starts from: that of initial, which is the
// same field with the defaults. A section that may be absent is optional; section is nil if it is.
func (f field) mapping(initial field) (section, from []field, optional bool) {
	section, from = f.section(), initial.section()
	if optional = from == nil; optional && section != nil {
		from = f.initial()
	}
	return section, from, optional
}

// scalar returns a field with a single value.
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

// section returns a field that holds a mapping.
func section(key string, fields []field) field {
	return field{key: key, fields: fields, decode: func(d *decoder, path string, n *yaml.Node) {
		d.mapping(path, n, fields)
	}, section: func() []field { return fields }}
}

// optional returns a section that is nil unless it is written, and then starts with the
// values of initial.
func optional[T any](key string, dst **T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		if *dst == nil { // otherwise another file has a part of it
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

// sectionOrOff returns a section that is nil if the word off is written in its place. If it is written, it
// starts with the values of initial.
func sectionOrOff[T any](key string, dst **T, initial T, fields func(*T) []field) field {
	f := optional(key, dst, initial, fields)
	f.orOff = true
	f.decode = func(d *decoder, path string, n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && n.Value == off {
			*dst = nil
			return
		}
		if no, err := boolean(n); err == nil && !no {
			d.errorf(path, "is %s; write %s", describe(n), off)
			return
		}
		if n.Kind != yaml.MappingNode {
			d.errorf(path, "is %s; it must be off or a mapping of keys to values", describe(n))
			return
		}
		value := initial // the default is shared
		*dst = &value
		d.mapping(path, n, fields(*dst))
	}
	return f
}

// off is the word in place of a section that is nil.
const off = "off"

// mappings returns a field that holds a list of mappings. Each item starts with the
// values of initial.
func mappings[T any](key string, dst *[]T, initial T, fields func(*T) []field) field {
	return field{key: key, fields: fields(new(T)), decode: func(d *decoder, path string, n *yaml.Node) {
		for _, c := range d.items(path, n, 1) {
			i := len(*dst) // not 0 if another file has items, too
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

// scalars returns a field that holds a list of single values, at least least. An empty
// list in the file becomes an empty slice, not nil.
func scalars[T any](key string, dst *[]T, least int, parse func(*yaml.Node) (T, error)) field {
	return field{key: key, decode: func(d *decoder, path string, n *yaml.Node) {
		*dst = []T{}
		for i, c := range d.items(path, n, least) {
			var v T // also for an invalid item, so that the others keep their indexes
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

// required makes a field required.
func required(f field) field {
	f.required = true
	return f
}

// secret makes a field whose value is never shown.
func secret(f field) field {
	f.secret = true
	return f
}

// enter records the position of the value at path. It returns the node with the value,
// after following an alias and expanding variables, or nil if there is nothing to decode.
func (d *decoder) enter(path string, n *yaml.Node) *yaml.Node {
	d.at[path] = d.placeOf(n)
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

// count counts a value in the setting at path. Beyond maxValues it returns false, and
// reports an error once.
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

// keys decodes the keys of the mapping n that are in fields.
func (d *decoder) keys(path string, n *yaml.Node, fields []field) {
	for _, p := range d.pairs(path, n) {
		if d.values > maxValues {
			return
		}
		key := p.key.Value
		f := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if f < 0 {
			d.count(path) // so that a file of unknown keys is limited, too
			if path != "" || !strings.HasPrefix(key, extension) {
				hint := suggest(key, fields)
				if path == "" && p.value.Anchor != "" {
					hint += "; a key for anchors begins with x-"
				}
				if p.by != nil {
					hint += mergedIn(d.placeOf(p.by), d.placeOf(p.key))
				}
				d.errorAt(d.placeOf(p.key), path, "unknown key %s; %s", quote(key), hint)
			}
			continue
		}
		at := child(path, key)
		if first, ok := d.at[at]; ok && fields[f].fields == nil { // in another file: within a file each key occurs once
			d.errorAt(d.placeOf(p.value), at, "is set already, at %s:%d:%d; a setting stands in one file", first.file, first.line, first.column)
			continue
		}
		if p.by != nil {
			d.merged[at] = d.placeOf(p.by)
		}
		if fields[f].secret {
			d.from[at] = origin{secret: true}
		}
		if value := d.enter(at, p.value); value != nil {
			fields[f].decode(d, at, value)
		}
	}
}

// extension is the prefix of keys that are the user's own, for anchors or for other
// programs.
const extension = "x-"

// require reports required fields that are missing.
func (d *decoder) require(path string, fields []field) {
	if d.values > maxValues {
		return // the rest was not read
	}
	for _, f := range fields {
		if at := child(path, f.key); f.required && !d.written(at) {
			d.errorf(at, "is missing")
		}
	}
}

// items returns the items of n. If least is 1 there must be at least one.
func (d *decoder) items(path string, n *yaml.Node, least int) []*yaml.Node {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.errorf(path, "is %s; it must be a list", describe(n))
		return nil
	case len(n.Content) < least:
		d.errorf(path, "is empty; at least one is needed")
	}
	return n.Content[:min(len(n.Content), maxValues)]
}

func (d *decoder) placeOf(n *yaml.Node) place {
	return place{file: d.file, line: n.Line, column: n.Column}
}
