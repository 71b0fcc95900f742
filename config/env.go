package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// expanded is the style of a scalar with text of the environment in it. What it
// is follows from its setting, as if nobody had typed it: 1883 is a name to one
// and a number to the other, in quotes or not.
const expanded yaml.Style = 1 << 31

// expand returns a scalar with the values of its variables, and any other node
// as it is. It returns nil after it has reported why there is none. Since this is
// done to the nodes that YAML has made, a value is never read as YAML.
func (d *decoder) expand(path string, n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${") {
		return n
	}
	x := expansion{lookup: d.lookupEnv, room: maxFileSize - d.expanded}
	text, _, err := x.text(n.Value, 0, true)
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

// plainTag is how YAML types a plain scalar, as far as it matters here.
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
	room   int // for values, in bytes
}

// An origin is where in the environment a value comes from.
type origin struct {
	names  []string // of the variables, as ${NAME}; the first maxNamed
	secret bool     // the value of the setting is, or the name of a variable says so
}

// String lists the variables.
func (o origin) String() string {
	s := list(o.names)
	if len(o.names) == maxNamed {
		s += ", ..."
	}
	return s
}

// of says which variables a value is of, if there are any.
func (o origin) of() string {
	if len(o.names) == 0 {
		return ""
	}
	return " of " + o.String()
}

// maxNamed is how many variables an error names: nobody needs more for one value.
const maxNamed = 5

// secretName is what variables are called that nobody wants to see in a log.
var secretName = regexp.MustCompile(`(?i)PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY(_|$)`)

// add notes a variable.
func (o *origin) add(name string) {
	o.secret = o.secret || secretName.MatchString(name)
	if text := "${" + abbreviate(name) + "}"; len(o.names) < maxNamed && !slices.Contains(o.names, text) {
		o.names = append(o.names, text)
	}
}

// text expands s. Within depth defaults, if depth is not 0, it ends at the } of
// the innermost and returns what follows. A text that is not live is not used.
func (x *expansion) text(s string, depth int, live bool) (text, rest string, err error) {
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

// variable expands the variable that s begins with, and returns what follows.
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
		if initial, rest, err = x.text(rest, depth+1, live && value == ""); err != nil {
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
