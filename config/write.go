package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// YAML returns the configuration as one file that Parse reads as the same, apart
// from Files and Include: it has the settings of included files, the values of
// variables, and the secrets. Settings that are as they are by default are left out.
func (c *Config) YAML() []byte {
	return c.write("# Written by mqttlb. Settings that are not here have their defaults.\n", false)
}

// RedactedYAML is YAML for people: instead of secrets it holds "(secret)".
func (c *Config) RedactedYAML() []byte {
	return c.write("# Written by mqttlb, without secrets. Settings that are not here have their defaults.\n", true)
}

func (c *Config) write(comment string, redacted bool) []byte {
	initial := defaultConfig
	lines := writer{redacted}.mapping(configFields(c.bare()), configFields(&initial))
	return []byte(comment + strings.Join(lines, "\n") + "\n")
}

// A writer writes fields as YAML.
type writer struct {
	redacted bool // secrets are not written
}

// maxLine is how long a line may get, without its indentation, by a list or an
// item of a list that is written in one.
const maxLine = 100

// mapping returns the lines of a mapping: what fields have otherwise than initial,
// and what is required. Lines that belong to the one before are indented.
func (w writer) mapping(fields, initial []field) []string {
	var lines []string
	for i, f := range fields {
		switch {
		case f.literals != nil:
			if values := f.literals(); f.required || !sameLiterals(values, initial[i].literals()) {
				lines = append(lines, w.setting(f, values)...)
			}
		case f.items != nil:
			items := f.items()
			if len(items) == 0 {
				continue
			}
			lines = append(lines, f.key+":")
			for _, item := range items {
				lines = append(lines, listItem(w.mapping(item, f.initial()))...)
			}
		default:
			section, from, optional := f.mapping(initial[i])
			if section == nil {
				if f.orOff && from != nil {
					lines = append(lines, f.key+": "+off)
				}
				continue
			}
			if inner := w.mapping(section, from); len(inner) > 0 {
				lines = append(lines, f.key+":")
				lines = append(lines, indent("  ", inner)...)
			} else if optional { // that it is there means something
				lines = append(lines, f.key+": {}")
			}
		}
	}
	return lines
}

// setting returns the lines of a field with a single value or a list of them.
func (w writer) setting(f field, values []string) []string {
	switch {
	case w.redacted && f.secret && len(values) > 0:
		return []string{f.key + `: "(secret)"`}
	case !f.list, f.orOne && len(values) == 1:
		return []string{f.key + ": " + strings.Join(values, "")}
	}
	if line := f.key + ": [" + strings.Join(values, ", ") + "]"; len(line) <= maxLine || len(values) == 1 {
		return []string{line}
	}
	return append([]string{f.key + ":"}, indent("  - ", values)...)
}

// listItem returns the lines of a mapping as those of an item of a list: one line
// if it has nothing within it and is short.
func listItem(lines []string) []string {
	nested := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, " ") })
	if line := "{" + strings.Join(lines, ", ") + "}"; !nested && len(line) <= maxLine {
		return []string{"  - " + line}
	}
	return append([]string{"  - " + lines[0]}, indent("    ", lines[1:])...)
}

func indent(by string, lines []string) []string {
	indented := make([]string, len(lines))
	for i, line := range lines {
		indented[i] = by + line
	}
	return indented
}

// sameLiterals reports whether two settings have the same values. An empty list is
// another value than none.
func sameLiterals(a, b []string) bool {
	return slices.Equal(a, b) && (a == nil) == (b == nil)
}

// literal writes the value of a key so that it is read as itself, within { } and [ ], too.
func literal(key string, value any) string {
	switch v := value.(type) {
	case time.Duration, int, Sessions, bool:
		return spell(key, value)
	case MaxLoad:
		if v != 0 {
			return v.String()
		}
	case Reserve:
		if v >= 0 {
			return v.String()
		}
	case SocketBuffer:
		return v.String()
	case Flag:
		return string(v)
	case Verify: // true and false without quotes, as before there was a third value
		return string(v)
	}
	s := fmt.Sprint(value)
	if plainText.MatchString(s) && !ambiguousText.MatchString(s) {
		return s
	}
	// Whatever Go escapes in UTF-8, YAML escapes alike (YAML 1.2.2, 5.7).
	return strconv.Quote(strings.ReplaceAll(s, "${", "$${"))
}

// Text that every version of YAML takes for text needs no quotes.
var (
	plainText     = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9_./-]*$`)
	ambiguousText = regexp.MustCompile(`^(?i:null|true|false|yes|no|on|off|y|n)$`)
)
