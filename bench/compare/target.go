//go:build linux

package compare

import (
	"fmt"
	"slices"
	"strings"
)

// Targets are the required ratios, by row: the highest allowed one, or the lowest where
// more is better.
type Targets map[string]float64

// Set parses name=ratio; it makes Targets a flag.
func (t Targets) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	var limit float64
	if _, err := fmt.Sscanf(value, "%g", &limit); !ok || err != nil || limit <= 0 {
		return fmt.Errorf("want ROW=RATIO, such as roundtrip-20=1.0")
	}
	if !slices.Contains(rowNames(), name) {
		return fmt.Errorf("no row %q; there are %s", name, strings.Join(rowNames(), ", "))
	}
	t[name] = limit
	return nil
}

func (t Targets) String() string { return "" }

// Measures returns the measures that have a row with a target, for Options.Only.
func (t Targets) Measures() []string {
	var names []string
	for _, m := range measures {
		if slices.ContainsFunc(m.rows, func(r row) bool { return t[r.name] > 0 }) {
			names = append(names, m.name)
		}
	}
	return names
}

// Missed returns the targets that the report misses; a row that was not measured is
// missed, too.
func (r *Report) Missed(t Targets) []string {
	var missed []string
	for _, name := range rowNames() {
		limit, ok := t[name]
		if !ok {
			continue
		}
		i := slices.IndexFunc(r.Measures, func(m Measure) bool { return m.Name == name })
		switch {
		case i < 0 || len(r.Measures[i].Ratio.Each) == 0:
			missed = append(missed, name+": not measured")
		case r.Measures[i].More && r.Measures[i].Ratio.Median < limit:
			missed = append(missed, fmt.Sprintf("%s: ratio %.3f, at least %.3g is wanted", name, r.Measures[i].Ratio.Median, limit))
		case !r.Measures[i].More && r.Measures[i].Ratio.Median > limit:
			missed = append(missed, fmt.Sprintf("%s: ratio %.3f, at most %.3g is wanted", name, r.Measures[i].Ratio.Median, limit))
		}
	}
	return missed
}
