package config

import (
	"errors"
	"fmt"
)

// maxName is a host name of 253 characters with its port, because a node without a name
// is named by its address.
const maxName = len(":65535") + 253

// parseName parses the name of a listener, pool or node. Names occur in logs, in labels
// of metrics and in paths of the admin server's URLs, so a name is one word of plain
// characters.
func parseName(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("is empty")
	case len(s) > maxName:
		return "", fmt.Errorf("is %d characters long; at most %d are allowed", len(s), maxName)
	}
	for _, c := range s {
		if !isNameChar(c) && c != ':' && c != '[' && c != ']' && c != '%' {
			return "", fmt.Errorf("%s has the character %q; a name has ASCII letters, digits and any of . _ - : [ ] %%", quote(s), c)
		}
	}
	return s, nil
}

// isNameChar reports whether c is allowed in a host name or in a name of ours.
func isNameChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}
