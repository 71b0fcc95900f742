package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// expanded is the style of a scalar that contains text of the environment. Its setting
// decides its type, as if it had been typed there: 1883 may be a name or a number, in
// quotes or not.
const expanded yaml.Style = 1 << 31

// expand returns a scalar with its variables expanded, and any other node unchanged. It
// returns nil after reporting an error. Because it works on nodes that YAML has parsed, a
// value is never parsed as YAML.
func (d *decoder) expand(path string, n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${") {
		return n
	}
	x := expansion{lookup: d.lookupEnv, room: maxFileSize - d.expanded}
	text, _, err := x.expandText(n.Value, 0, true)
	d.expanded = maxFileSize - x.room
	if err != nil {
		d.errorf(path, "%v", err)
		return nil
	}
	x.secret = x.secret || d.from[path].secret
	d.from[path] = x.origin
	e := *n
	e.Value = text
	if e.Style&yaml.TaggedStyle == 0 {
		e.Style, e.Tag = expanded, plainTag(text)
	}
	return &e
}

// plainTag returns the YAML type of a plain scalar, as far as it matters here.
func plainTag(text string) string {
	switch {
	case text == "true" || text == "false":
		return "!!bool"
	case text != "" && isDecimal(strings.TrimLeft(text, "+-")):
		return "!!int"
	}
	return "!!str"
}

// An expansion replaces the variables in one text.
type expansion struct {
	origin
	lookup func(name string) (value string, set bool)
	room   int // bytes left for values
}

// An origin names the environment variables in a value.
type origin struct {
	names  []string // as ${NAME}; the first maxNamed
	secret bool     // the setting is secret, or the name of a variable looks so
}

// String lists the variables.
func (o origin) String() string {
	s := joinWords(o.names)
	if len(o.names) == maxNamed {
		s += ", ..."
	}
	return s
}

// phrase returns a phrase with the variables of a value, or "" if there are none.
func (o origin) phrase() string {
	if len(o.names) == 0 {
		return ""
	}
	return " of " + o.String()
}

// maxNamed is how many variables an error names. One value rarely needs more.
const maxNamed = 5

// secretName matches names of variables whose values must not be in a log.
var secretName = regexp.MustCompile(`(?i)PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY(_|$)`)

// add records a variable.
func (o *origin) add(name string) {
	o.secret = o.secret || secretName.MatchString(name)
	if text := "${" + abbreviate(name) + "}"; len(o.names) < maxNamed && !slices.Contains(o.names, text) {
		o.names = append(o.names, text)
	}
}

// expandText expands s. depth is how many defaults surround s; if it is not 0, expandText stops at
// the } of the innermost one and returns the rest after it. If live is false the text is
// parsed, but not used.
func (x *expansion) expandText(s string, depth int, live bool) (text, rest string, err error) {
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "$}")
		if i < 0 {
			i = len(s)
		}
		b.WriteString(s[:i])
		switch s = s[i:]; {
		case s == "":
		case strings.HasPrefix(s, "$${"):
			b.WriteString("${")
			s = s[len("$${"):]
		case strings.HasPrefix(s, "${"):
			var value string
			if value, s, err = x.variable(s, depth, live); err != nil {
				return "", "", err
			}
			b.WriteString(value)
		case s[0] == '}' && depth > 0:
			return b.String(), s[1:], nil
		default:
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	if depth > 0 {
		return "", "", errUnclosed
	}
	return b.String(), "", nil
}

var (
	errUnclosed = fmt.Errorf("has a ${ without its }; %s", variableForms)
	variable    = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)(\}|:-)`)
)

const variableForms = "write ${NAME} or ${NAME:-default}, or $${ for these two characters themselves"

// variable expands the variable at the start of s, and returns the rest after it.
func (x *expansion) variable(s string, depth int, live bool) (value, rest string, err error) {
	m := variable.FindStringSubmatch(s)
	if m == nil {
		form, _, closed := strings.Cut(s, "}")
		if !closed {
			return "", "", errUnclosed
		}
		return "", "", fmt.Errorf("%s is not understood; %s", quote(form+"}"), variableForms)
	}
	if depth == maxDefaults {
		return "", "", fmt.Errorf("has defaults within defaults, more than %d deep", maxDefaults)
	}
	name, rest := m[1], s[len(m[0]):]
	value, set := x.lookup(name)
	if m[2] == ":-" {
		var initial string
		if initial, rest, err = x.expandText(rest, depth+1, live && value == ""); err != nil {
			return "", "", err
		}
		if value == "" { // as in a shell
			value = initial
		}
	} else if live && !set {
		return "", "", fmt.Errorf("the variable %s is not set in the environment; set it, or write ${%[1]s:-default}", abbreviate(name))
	}
	if x.room -= len(value); x.room < 0 {
		return "", "", fmt.Errorf("${%s} is too much; what a configuration takes from the environment has at most %s in all", abbreviate(name), formatSize(maxFileSize))
	}
	if !live {
		return value, rest, nil
	}
	if !utf8.ValidString(value) {
		return "", "", fmt.Errorf("the value of ${%s} is not UTF-8, as text in a configuration is", abbreviate(name))
	}
	x.add(name)
	return value, rest, nil
}
