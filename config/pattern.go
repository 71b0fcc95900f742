package config

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// A Pattern is a condition on a text. It is of one kind and has one value or several, of which one matches. The zero
// Pattern is no condition.
type Pattern struct {
	Exact  []string // the whole text; may be ""
	Prefix []string // the beginning of the text; never ""

	// Regex are regular expressions in the syntax of RE2. One matches anywhere in the text, unless it is anchored with ^ and $.
	Regex []string
}

// IsZero reports whether the pattern is no condition.
func (p *Pattern) IsZero() bool { return len(p.Exact)+len(p.Prefix)+len(p.Regex) == 0 }

// patternExample shows how a pattern is written.
const patternExample = "{prefix: test-}"

func patternFields(p *Pattern) []field {
	return []field{
		oneOrMore("exact", &p.Exact, text(parseExact)),
		oneOrMore("prefix", &p.Prefix, text(parsePatternPrefix)),
		oneOrMore("regex", &p.Regex, text(parseRegex)),
	}
}

func parseExact(s string) (string, error) {
	if s == "" { // of a client without an identifier of its own
		return s, nil
	}
	return s, checkLine(s, maxPattern, "")
}

func parsePatternPrefix(s string) (string, error) {
	return s, checkLine(s, maxPattern, "every text begins with it; leave the condition out for that")
}

// parseRegex parses a regular expression. The time for a match is limited by the size of its program and by that of the text.
func parseRegex(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty; every text matches it; leave the condition out for that")
	}
	if len(s) > maxRegex {
		return "", fmt.Errorf("is %d bytes long; at most %d are allowed, and several expressions may stand in a list", len(s), maxRegex)
	}
	size, err := programSize(s)
	if err != nil {
		return "", err
	}
	if size > maxProgram {
		return "", fmt.Errorf("%s has %d instructions when it is compiled; at most %d are allowed, so write shorter repetitions", quote(s), size, maxProgram)
	}
	return s, nil
}

// programSize returns the number of instructions of a regular expression.
func programSize(expr string) (int, error) {
	// regexp.Compile would parse it again.
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("%s is no regular expression of RE2: %w", quote(expr), withoutExpression(err))
	}
	program, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, fmt.Errorf("%s is no regular expression of RE2: %w", quote(expr), err)
	}
	return len(program.Inst), nil
}

// withoutExpression leaves out the expression, which the error has already.
func withoutExpression(err error) error {
	var bad *syntax.Error
	if !errors.As(err, &bad) {
		return err
	}
	for _, op := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.Contains(bad.Expr, op) {
			return errors.New("RE2 has no look-ahead and no look-behind, as " + op)
		}
	}
	return fmt.Errorf("%s: %s", bad.Code, quote(bad.Expr))
}

// program returns the number of instructions of all regular expressions of the pattern.
func (p *Pattern) program() (instructions int) {
	for _, expr := range p.Regex {
		if size, err := programSize(expr); err == nil {
			instructions += size
		}
	}
	return instructions
}

// MustCompile returns the regular expressions, which parsing has checked. A dot matches a newline, too: MQTT allows one
// in an identifier, and no client may evade a rule by it.
func (p *Pattern) MustCompile() []*regexp.Regexp {
	compiled := make([]*regexp.Regexp, len(p.Regex))
	for i, expr := range p.Regex {
		compiled[i] = regexp.MustCompile("(?s:" + expr + ")")
	}
	return compiled
}
