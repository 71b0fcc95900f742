package config

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// describe describes the kind of a node, for an error about what it should be.
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

// withKeys names the required keys of a mapping.
func withKeys(fields []field) string {
	var keys []string
	for _, f := range fields {
		if f.required {
			keys = append(keys, f.key)
		}
	}
	switch len(keys) {
	case 0:
		return ""
	case 1:
		return ", with the key " + keys[0]
	}
	return ", with the keys " + joinWords(keys)
}

// howToList says how a list is written that n, the value at path, is not.
func howToList(path string, n *yaml.Node, mappings bool) string {
	if n.Kind != yaml.ScalarNode || mappings {
		return ", whose items begin with a dash"
	}
	value := n.Value
	if strings.HasSuffix(path, ".ciphers") || strings.HasSuffix(path, ".curves") { // OpenSSL and HAProxy separate them by colons
		value = strings.ReplaceAll(value, ":", ", ")
	}
	return ", as [" + abbreviate(value) + "]"
}
