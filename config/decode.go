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
	values   int  // seen so far
	expanded int  // bytes of variables expanded so far
	stopped  bool // by count: the rest is not read
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

// count counts a value in the setting at path. Beyond maxValues, or after maxErrors errors, it stops
// the decoder: it reports an error once, and returns false.
func (d *decoder) count(path string) bool {
	d.values++
	switch {
	case d.stopped:
	case d.values > maxValues:
		d.errorf(path, "is one value too many; a configuration has at most %d, counted again through each alias and each merge", maxValues)
		d.stopped = true
	case len(d.errs) >= maxErrors:
		d.errorf(path, "is not read, and nothing after it: there are %d errors already", len(d.errs))
		d.stopped = true
	}
	return !d.stopped
}

// mapping decodes n into fields.
func (d *decoder) mapping(path string, n *yaml.Node, fields []field) {
	if n.Kind != yaml.MappingNode {
		d.errorf(path, "is %s; it must be a mapping of keys to values%s", describe(n), withKeys(fields))
		return
	}
	d.keys(path, n, fields)
	d.require(path, fields)
}

// keys decodes the keys of the mapping n that are in fields.
func (d *decoder) keys(path string, n *yaml.Node, fields []field) {
	for _, p := range d.pairs(path, n) {
		if d.stopped {
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
	if d.stopped {
		return // the rest was not read
	}
	for _, f := range fields {
		at := child(path, f.key)
		switch {
		case !f.required || d.written(at):
		case f.unless == "":
			d.errorf(at, "is missing")
		case !d.written(child(path, f.unless)):
			d.errorf(at, "is missing; write it, or %s", f.unless)
		}
	}
}

// items returns the items of n, which are mappings or scalars. If least is 1 there must be at least one.
func (d *decoder) items(path string, n *yaml.Node, least int, mappings bool) []*yaml.Node {
	switch {
	case n.Kind != yaml.SequenceNode:
		d.errorf(path, "is %s; it must be a list%s", describe(n), howToList(path, n, mappings))
		return nil
	case len(n.Content) < least:
		d.errorf(path, "is empty; at least one is needed")
	}
	return n.Content[:min(len(n.Content), maxValues)]
}

func (d *decoder) placeOf(n *yaml.Node) place {
	return place{file: d.file, line: n.Line, column: n.Column}
}
