package ctl

import (
	"strings"

	"mqttlb/cmd/terminal"
)

// columnGap is how many spaces are between two columns.
const columnGap = 2

// look is the parameter of an SGR sequence: how a terminal shows text.
type look string

const (
	plain  look = ""
	bold   look = "1"
	faint  look = "2"
	good   look = "32" // green
	bad    look = "31" // red
	notice look = "33" // yellow
)

// paint gives printable text its look.
func (l look) paint(text string) string {
	if l == plain || text == "" {
		return text
	}
	return "\x1b[" + string(l) + "m" + text + "\x1b[0m"
}

// column is a column of a table.
type column struct {
	title  string
	right  bool // numbers are aligned on the right
	least  int  // the width to which it may be cut; 0: never
	middle bool // it is cut in its middle: both ends tell identifiers apart
	rank   int  // of the columns that do not fit, those of the highest rank go first; 0: it stays
}

// cell is text in a table, which is printable.
type cell struct {
	text string
	look look
}

// table is rows of cells under columns. Package tabwriter cannot be used: it counts
// characters, of which some take two columns, aligns all on one side, and cuts none.
type table struct {
	columns []column
	rows    [][]cell
}

// add adds a row of plain cells.
func (t *table) add(texts ...string) {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = text
	}
	t.rows = append(t.rows, row)
}

// lines lays out the table in at most width columns of the terminal; 0 is no limit.
func (t *table) lines(width int, color bool) []string {
	widths := t.fit(width)
	out := make([]string, 0, len(t.rows)+1)
	head := make([]cell, len(t.columns))
	for i, c := range t.columns {
		head[i] = cell{c.title, faint}
	}
	for _, row := range append([][]cell{head}, t.rows...) {
		var line strings.Builder
		spaces := 0 // to write before the next text, so that no line ends with them
		for i, c := range row {
			if widths[i] < 0 {
				continue
			}
			text := c.text
			switch {
			case width > 0 && t.columns[i].middle:
				text = terminal.CutMiddle(text, widths[i])
			case width > 0:
				text = terminal.Cut(text, widths[i])
			}
			empty := widths[i] - terminal.Width(text)
			if t.columns[i].right {
				spaces, empty = spaces+empty, 0
			}
			if text != "" {
				line.WriteString(strings.Repeat(" ", spaces))
				spaces = 0
				if color {
					text = c.look.paint(text)
				}
				line.WriteString(text)
			}
			spaces += empty + columnGap
		}
		out = append(out, line.String())
	}
	return out
}

// fit returns the width of each column; less than 0: the column is left out.
func (t *table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = terminal.Width(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], terminal.Width(row[i].text))
		}
	}
	if width <= 0 {
		return widths
	}
	least := func(i int) int {
		if c := t.columns[i]; c.least > 0 {
			return min(widths[i], max(c.least, terminal.Width(c.title)))
		}
		return widths[i]
	}
	total := func(of func(i int) int) int {
		sum := -columnGap
		for i, w := range widths {
			if w >= 0 {
				sum += of(i) + columnGap
			}
		}
		return sum
	}
	for total(least) > width {
		last := -1
		for i, c := range t.columns {
			if widths[i] >= 0 && c.rank > 0 && (last < 0 || c.rank > t.columns[last].rank) {
				last = i
			}
		}
		if last < 0 {
			break
		}
		widths[last] = -1
	}
	for total(func(i int) int { return widths[i] }) > width {
		widest := -1
		for i, w := range widths {
			if w >= 0 && w > least(i) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}
