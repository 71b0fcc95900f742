package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Change is one difference between two configurations.
type Change struct {
	Kind ChangeKind

	// Path is that of the setting, with the names of listeners, pools and nodes in
	// place of their indexes: pools[emqx].nodes[n1].weight.
	Path string

	// Before and After are the values as a file has them, in one line. Of a listener,
	// a pool or a node it is what differs from the defaults. Before is empty with
	// Added, After with Removed. Instead of a secret they hold "(secret)".
	Before, After string
}

// A ChangeKind says what has happened to a setting.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
)

// String returns the change in one line.
func (c Change) String() string {
	switch c.Kind {
	case Added:
		return c.Path + ": added " + c.After
	case Removed:
		return c.Path + ": removed " + c.Before
	case Changed:
	}
	return c.Path + ": " + c.Before + " -> " + c.After
}

// Diff lists what after has otherwise than before, in the order of the language;
// nothing if the two mean the same. The order of listeners, pools and nodes means
// nothing, that of routes and certificates does. Files is no part of it.
func Diff(before, after *Config) []Change {
	return diff(nil, "", configFields(before), configFields(after))
}

// diff appends the changes from one mapping at path to another of the same fields.
func diff(changes []Change, path string, before, after []field) []Change {
	for i := range after {
		b, a := &before[i], &after[i]
		at := child(path, a.key)
		switch {
		case a.value != nil:
			if b, a := b.value(), a.value(); b != a {
				changes = append(changes, change(at, shown(b, after[i].secret), shown(a, after[i].secret)))
			}
		case a.items != nil:
			changes = diffItems(changes, at, b, a)
		default:
			switch bs, as := b.section(), a.section(); {
			case bs == nil && as == nil:
			case bs == nil:
				changes = append(changes, change(at, "", spellMapping(as, a.initial())))
			case as == nil:
				changes = append(changes, change(at, spellMapping(bs, b.initial()), ""))
			default:
				changes = diff(changes, at, bs, as)
			}
		}
	}
	return changes
}

// diffItems appends the changes from one list of mappings at path to another.
func diffItems(changes []Change, path string, before, after *field) []Change {
	items, others := before.items(), after.items()
	names, otherNames := itemNames(items), itemNames(others)
	known, position := map[string]bool{}, map[string]int{} // position is in others
	for i, name := range otherNames {
		position[name] = i
	}
	for i, name := range names {
		known[name] = true
		at := path + "[" + name + "]"
		if j, ok := position[name]; ok {
			changes = diff(changes, at, items[i], others[j])
		} else {
			changes = append(changes, change(at, spellMapping(items[i], before.initial()), ""))
		}
	}
	for j, name := range otherNames {
		if !known[name] {
			changes = append(changes, change(path+"["+name+"]", "", spellMapping(others[j], after.initial())))
		}
	}
	return changes
}

// itemNames are what the items of a list are told apart by: their names, or their
// places where they have none.
func itemNames(items [][]field) []string {
	names := make([]string, len(items))
	for i, fields := range items {
		names[i] = fmt.Sprint(i)
		if n := slices.IndexFunc(fields, func(f field) bool { return f.key == "name" }); n >= 0 {
			names[i] = fields[n].value()
		}
	}
	return names
}

// change returns the change from one value to another, of which one may be none.
func change(path, before, after string) Change {
	kind := Changed
	switch {
	case before == "":
		kind = Added
	case after == "":
		kind = Removed
	}
	return Change{Kind: kind, Path: path, Before: before, After: after}
}

// shown is what people see of a value.
func shown(value string, secret bool) string {
	if secret && value != "" {
		return "(secret)"
	}
	return value
}

// spellMapping writes what fields have otherwise than initial, as YAML.
func spellMapping(fields, initial []field) string {
	var parts []string
	for i, f := range fields {
		var value string
		switch {
		case f.value != nil:
			if value = f.value(); value == initial[i].value() {
				continue
			}
			value = shown(value, f.secret)
		case f.items != nil:
			var items []string
			for _, item := range f.items() {
				items = append(items, spellMapping(item, f.initial()))
			}
			value = "[" + strings.Join(items, ", ") + "]"
			if len(items) == 0 {
				continue
			}
		default:
			section, from := f.section(), initial[i].section()
			if section == nil {
				continue
			}
			optional := from == nil
			if optional {
				from = f.initial()
			}
			if value = spellMapping(section, from); value == "{}" && !optional {
				continue
			}
		}
		parts = append(parts, f.key+": "+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// spell writes the value of a key as a file has it; nothing for an empty text,
// which is none.
func spell(key string, value any) string {
	switch v := value.(type) {
	case time.Duration:
		return formatDuration(v)
	case int:
		if isSize(key) {
			return formatSize(v)
		}
	}
	s := fmt.Sprint(value)
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) || strings.ContainsRune(` ,[]{}"`, c) }) {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// spellList writes a list; nothing for an empty one, which is none.
func spellList[T any](key string, values []T) string {
	if len(values) == 0 {
		return ""
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = spell(key, v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// isSize reports whether a key's values are sizes, as its name says.
func isSize(key string) bool {
	return strings.HasSuffix(key, "_size") || strings.HasSuffix(key, "_memory")
}
