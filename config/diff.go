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

	// Path is the path of the setting, with the names of listeners, pools and nodes
	// instead of indexes: pools[emqx].nodes[n1].weight.
	Path string

	// Before and After are the values as they are written in a file, in one line. For a
	// listener, a pool or a node they are the differences from the defaults. Before is
	// empty if the setting was added, After if it was removed. A secret is "(secret)".
	Before, After string
}

// A ChangeKind is what happened to a setting.
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

// Diff lists the differences of after from before, in the order of the language; none if
// both mean the same. The order of routes, rules and certificates matters, that of listeners,
// pools and nodes does not. Diff ignores Files.
func Diff(before, after *Config) []Change {
	return diff(nil, "", configFields(before), configFields(after))
}

// diff appends the changes between two mappings at path that have the same fields.
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
				changes = append(changes, change(at, a.absent(), spellMapping(as, a.initial())))
			case as == nil:
				changes = append(changes, change(at, spellMapping(bs, b.initial()), a.absent()))
			default:
				changes = diff(changes, at, bs, as)
			}
		}
	}
	return changes
}

// absent returns what is written for a section that is nil; empty if nothing is.
func (f field) absent() string {
	if f.orOff {
		return off
	}
	return ""
}

// diffItems appends the changes between two lists of mappings at path.
func diffItems(changes []Change, path string, before, after *field) []Change {
	items, others := before.items(), after.items()
	names, otherNames := itemNames(items), itemNames(others)
	known, position := map[string]bool{}, map[string]int{} // position is an index into others
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
	if after.ordered {
		changes = append(changes, diffOrder(path, names, otherNames, position)...)
	}
	return changes
}

// diffOrder returns the change of the order of names that are in both lists, by the first that has another place among them.
// position holds indexes into after.
func diffOrder(path string, before, after []string, position map[string]int) []Change {
	was := make(map[string]int, len(before)) // places among those that are in both
	var stay []string
	for _, name := range before {
		if _, ok := position[name]; ok {
			stay = append(stay, name)
			was[name] = len(stay)
		}
	}
	place := 0
	for _, name := range after {
		if was[name] == 0 {
			continue
		}
		if place++; stay[place-1] != name {
			return []Change{change(path+"["+name+"].place", fmt.Sprint(was[name]), fmt.Sprint(place))}
		}
	}
	return nil
}

// itemNames returns the keys that identify the items of a list: their names, or their
// positions if they have no names.
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

// change returns the change from one value to another; one of them may be empty.
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

// shown returns the value for display.
func shown(value string, secret bool) string {
	if secret && value != "" {
		return "(secret)"
	}
	return value
}

// spellMapping formats the differences of fields from initial, as YAML.
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
			section, from, optional := f.mapping(initial[i])
			if section == nil && (!f.orOff || from == nil) {
				continue
			}
			if section == nil {
				value = off
			} else if value = spellMapping(section, from); value == "{}" && !optional {
				continue
			}
		}
		parts = append(parts, f.key+": "+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// spell formats the value of a key as it is written in a file. An empty text means no
// value and gives "".
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

// spellList formats a list. An empty one means no value and gives "".
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

// isSize reports whether the values of a key are sizes, by its name.
func isSize(key string) bool {
	return strings.HasSuffix(key, "size") || strings.HasSuffix(key, "_memory") || strings.HasSuffix(key, "_buffer")
}
