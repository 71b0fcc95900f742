package config

import (
	"go.yaml.in/yaml/v4"
)

// A field is one key of a mapping: its name and the destination of its value.
type field struct {
	key      string
	required bool
	unless   string  // the key beside which it is not required
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

	// ordered says that the order of items matters although they have names.
	ordered bool

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
		for _, c := range d.items(path, n, 1, true) {
			if d.stopped {
				return
			}
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
		for i, c := range d.items(path, n, least, false) {
			if d.stopped {
				return
			}
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

// ordered makes a list of mappings one whose order matters although they have names.
func ordered(f field) field {
	f.ordered = true
	return f
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

// requiredUnless makes a field required where another one is not written.
func requiredUnless(other string, f field) field {
	f.required, f.unless = true, other
	return f
}

// mayBeEmpty lets a list of mappings have no item.
func mayBeEmpty(f field) field {
	decode := f.decode
	f.decode = func(d *decoder, path string, n *yaml.Node) {
		if n.Kind != yaml.SequenceNode || len(n.Content) > 0 {
			decode(d, path, n)
		}
	}
	return f
}
