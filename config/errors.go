package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one fault of a configuration.
type Error struct {
	// File is the name of the file as it was given. For a configuration from flags it is
	// the flag with its value, such as --node "x". Empty: nothing was written.
	File string

	// Line and Column count from 1, Column in characters. Both are 0 for an error about
	// the whole file (it cannot be read) or about a flag.
	Line, Column int

	// Message names the setting by its path, says what is wrong with the value and what
	// is allowed.
	Message string
}

// Error returns file:line:column: message, a form that editors and terminals can jump to.
func (e Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Warning returns file:line:column: warning: message, as compilers write it.
func (e Error) Warning() string {
	return strings.TrimSuffix(e.Error(), e.Message) + "warning: " + e.Message
}

// Errors are all faults of a configuration, file by file, in the order of lines.
type Errors []Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// sort sorts the errors by file, and by line within a file.
func (e Errors) sort(files []string) {
	order := make(map[string]int, len(files)) // flags are not in it and keep their order
	for i, file := range files {
		order[file] = i
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// longest is how many characters of a value an error shows; the position leads to the
// rest.
const longest = 80

// quote quotes a value for an error and truncates it if it is too long to read.
func quote(s string) string {
	if cut := abbreviate(s); cut != s {
		return fmt.Sprintf("%q...", strings.TrimSuffix(cut, "..."))
	}
	return fmt.Sprintf("%q", s)
}

// abbreviate truncates a text that is too long to read.
func abbreviate(s string) string {
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "..."
	}
	return s
}

// joinWords formats words for a sentence: a, b, c.
func joinWords[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	return strings.Join(parts, ", ")
}

// joinOr formats words for a sentence: a, b or c.
func joinOr[T ~string](words []T) string {
	if len(words) < 2 {
		return joinWords(words)
	}
	last := len(words) - 1
	return joinWords(words[:last]) + " or " + string(words[last])
}
