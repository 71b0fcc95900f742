//go:build linux

package compare

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Markdown returns the report as a section of a page: the table, the machine and the
// versions.
func (r *Report) Markdown() []byte {
	var b bytes.Buffer
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(r.header())
	row(append([]string{"---"}, slices.Repeat([]string{"--:"}, len(r.header())-1)...))
	for _, m := range r.Measures {
		row(m.row(r.Candidates))
	}
	fmt.Fprintf(&b, "\n%s, %s, %d cores, %s. %d pairs of turns of %s, %d seconds in all.\n%s\n",
		r.Date, r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Pairs, r.Turn, r.Seconds, r.conditions())
	for _, c := range r.Candidates {
		if c.Version == "" {
			continue // direct
		}
		fmt.Fprintf(&b, "- %s: %s\n", c.Name, c.Version)
	}
	fmt.Fprintf(&b, "- mqttbench: built with %s\n", r.Machine.Go)
	return b.Bytes()
}
