package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// A pair is a key of a mapping and its value.
type pair struct {
	key, value *yaml.Node
	by         *yaml.Node // the << that merges the pair; nil: the pair is in the mapping itself
}

// pairs returns the pairs of the mapping n, with those that it merges (<<), each key
// once. Its own keys win over merged ones, and of those the earlier ones. It reports keys
// that are not words or that occur twice.
func (d *decoder) pairs(path string, n *yaml.Node) []pair {
	m := merger{decoder: d, path: path, pairs: make([]pair, 0, len(n.Content)/2)}
	m.add(n, nil)
	return m.pairs
}

// A merger collects the pairs of one mapping.
type merger struct {
	*decoder
	path  string
	pairs []pair

	// Both are nil until the first <<.
	taken map[string]bool     // keys of pairs
	open  map[*yaml.Node]bool // the mappings being added now: n, a mapping merged into n, one merged into that, and so on; they find cycles
}

// add adds the pairs of n. by is the << that merges n, or nil if n is the mapping itself.
// Every key that the decoder will not see counts as a value here, so that merges of
// merges are limited.
func (m *merger) add(n, by *yaml.Node) {
	var merge, merged *yaml.Node
	lines := map[string]int{} // the line of each key of n
	for i := 0; i+1 < len(n.Content) && !m.stopped; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		first, again := lines[key.Value]
		if !again && key.Kind == yaml.ScalarNode {
			lines[key.Value] = key.Line
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			m.errorf(key, by, "has %s as a key; a key is a word", describe(key))
		case again && key.Tag == "!!merge":
			m.errorf(key, by, "a second <<, the first is in line %d; write one with a list, as <<: [*a, *b]", first)
		case again:
			m.errorf(key, by, "duplicate key %s; the first is in line %d", quote(key.Value), first)
		case key.Tag == "!!merge":
			merge, merged = key, value
		case m.taken[key.Value]: // it is overridden
		default:
			if m.taken != nil {
				m.taken[key.Value] = true
			}
			m.pairs = append(m.pairs, pair{key, value, by})
			continue
		}
		m.count(m.path)
	}
	if merge == nil {
		return
	}
	if by == nil {
		by = merge
		m.taken, m.open = map[string]bool{}, map[*yaml.Node]bool{n: true}
		for _, p := range m.pairs {
			m.taken[p.key.Value] = true
		}
	}
	if list := target(merged); list.Kind == yaml.SequenceNode {
		for _, item := range list.Content {
			m.merge(item, by)
		}
		return
	}
	m.merge(merged, by)
}

// merge adds the pairs of the value of a <<.
func (m *merger) merge(value, by *yaml.Node) {
	if !m.count(m.path) {
		return
	}
	switch n := target(value); {
	case n.Tag == "!!null":
		m.errorf(value, by, "<< has no value; write a mapping, or a list of mappings, as <<: *name")
	case n.Kind != yaml.MappingNode:
		m.errorf(value, by, "<< merges %s; it must be a mapping, or a list of mappings, as <<: *name", describe(n))
	case m.open[n]:
		m.errorf(value, by, "<< merges the mapping that it stands in")
	default:
		m.open[n] = true
		m.add(n, by)
		delete(m.open, n)
	}
}

// errorf reports an error at n in the mapping that by merges; by is nil for the mapping
// itself.
func (m *merger) errorf(n, by *yaml.Node, format string, args ...any) {
	where := m.placeOf(n)
	message := fmt.Sprintf(format, args...)
	if by != nil {
		message += mergedIn(m.placeOf(by), where)
	}
	m.errorAt(where, m.path, "%s", message)
}

// target returns the node that n refers to if n is an alias, otherwise n. The parser
// resolves an alias of an alias.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
