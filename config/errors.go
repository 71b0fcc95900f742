package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing wrong with a configuration.
type Error struct {
	// File is the file's name as it was given, or the flag with its value, as
	// --node "x", when the configuration came from flags.
	File string

	// Line and Column count from 1, Column in characters. Both are 0 when the
	// error is about the file as a whole (it cannot be read) or about a flag.
	Line, Column int

	// Message names the setting by its path, says what is wrong with the value
	// and what would be right.
	Message string
}

// Error returns file:line:column: message, which editors and terminals jump to.
func (e Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors are all things wrong with a configuration, file by file, each in the
// order of its lines.
type Errors []Error

// Error returns one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// sort puts the errors in the order of the files, and of the lines in each.
func (e Errors) sort(files []string) {
	order := make(map[string]int, len(files)) // what is no file, a flag, comes as it was found
	for i, file := range files {
		order[file] = i
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// longest is how much of a value an error shows; its position leads to the rest.
const longest = 80

// quote quotes a value for an error, cut if it is too long to be read.
func quote(s string) string {
	if cut := abbreviate(s); cut != s {
		return fmt.Sprintf("%q...", strings.TrimSuffix(cut, "..."))
	}
	return fmt.Sprintf("%q", s)
}

// abbreviate cuts what is too long to be read.
func abbreviate(s string) string {
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "..."
	}
	return s
}

// list writes words as a sentence has them: a, b, c.
func list[T ~string](words []T) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = string(w)
	}
	return strings.Join(parts, ", ")
}
