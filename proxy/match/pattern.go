package match

import (
	"regexp"
	"slices"
	"strings"
)

// MaxText is the size in bytes of the longest text that regular expressions are tried on. The time of each grows with the
// size of the text, the client chooses the text, and an event loop waits for the result.
const MaxText = 256

// A Pattern is a condition on a text: that it is one of some values, begins with one of some prefixes, or matches one of some
// regular expressions. A nil Pattern holds for every text.
type Pattern struct {
	exact    []string // sorted
	prefixes *prefixes
	regexes  []*regexp.Regexp
	long     bool
}

// NewPattern returns the pattern with these values, which it copies, and these expressions. long says whether a text longer than
// [MaxText] matches the expressions, none of which is tried: with a rule that keeps clients out it should.
func NewPattern(exact, prefix []string, regexes []*regexp.Regexp, long bool) *Pattern {
	p := &Pattern{exact: slices.Compact(slices.Sorted(slices.Values(exact))), regexes: regexes, long: long}
	if len(prefix) > 0 {
		p.prefixes = newPrefixes(prefix)
	}
	return p
}

// A text is a field of a packet or of a certificate.
type text interface{ ~string | ~[]byte }

// holds reports whether the pattern holds for a text.
func (p *Pattern) holds(b []byte) bool {
	return p == nil || listed(p, b) || p.matches(len(b), func(r *regexp.Regexp) bool { return r.Match(b) })
}

// holdsText is holds for a string.
func (p *Pattern) holdsText(s string) bool {
	return p == nil || listed(p, s) || p.matches(len(s), func(r *regexp.Regexp) bool { return r.MatchString(s) })
}

// holdsAny reports whether the pattern holds for one of some texts.
func (p *Pattern) holdsAny(texts []string) bool {
	return p == nil || slices.ContainsFunc(texts, p.holdsText)
}

// matches reports whether one of the regular expressions matches a text of a size.
func (p *Pattern) matches(size int, match func(*regexp.Regexp) bool) bool {
	if len(p.regexes) > 0 && size > MaxText {
		return p.long
	}
	return slices.ContainsFunc(p.regexes, match)
}

// listed reports whether a text is one of the values, or begins with one of the prefixes.
func listed[T text](p *Pattern, t T) bool {
	i := notAfter(p.exact, t)
	return i >= 0 && p.exact[i] == string(t) || p.prefixes != nil && longest(p.prefixes, t) >= 0
}

// notAfter returns the index of the last of some sorted values that is not greater than a text; -1: there is none.
func notAfter[T text](sorted []string, t T) int {
	low, high := 0, len(sorted)
	for low < high {
		if middle := (low + high) / 2; sorted[middle] <= string(t) {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// prefixes finds the prefixes of a text among thousands.
type prefixes struct {
	sorted []string
	// within are the indexes of the longest other prefix that each begins with; -1: there is none. All prefixes of a text are
	// in the chain of the last one that is not greater than the text.
	within []int32
}

func newPrefixes(values []string) *prefixes {
	p := &prefixes{sorted: slices.Compact(slices.Sorted(slices.Values(values)))}
	p.within = chains(p.sorted, strings.HasPrefix)
	return p
}

// longest returns the index of the longest prefix of a text, or -1. Its chain in within leads to the shorter ones.
func longest[T text](p *prefixes, t T) int {
	i := notAfter(p.sorted, t)
	for i >= 0 && (len(t) < len(p.sorted[i]) || string(t[:len(p.sorted[i])]) != p.sorted[i]) {
		i = int(p.within[i])
	}
	return i
}

// chains returns for each of some sorted sets the index of the smallest one before it that has all of it; -1: there is none. A set
// sorts before all that are within it, and these before what is outside.
func chains[T any](sorted []T, within func(inner, outer T) bool) []int32 {
	parents := make([]int32, len(sorted))
	for i := range sorted {
		parent := int32(i) - 1
		for parent >= 0 && !within(sorted[i], sorted[parent]) {
			parent = parents[parent]
		}
		parents[i] = parent
	}
	return parents
}
