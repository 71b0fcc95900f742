package ctl

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mqttlb/cmd/terminal"
)

// page is where tables are printed: how wide, and whether in color.
type page struct {
	width int // 0: no limit
	color bool
}

// pageOf returns the page of a command's output.
func (c *connection) pageOf(cmd *cobra.Command) page {
	out := cmd.OutOrStdout()
	p := page{color: terminal.HasColor(out)}
	if !c.wide {
		p.width = terminal.Columns(out)
	}
	return p
}

// table lays out a table.
func (p page) table(t *table) []string { return t.lines(p.width, p.color) }

// paint gives text its look, if the page has colors. The text is cut to the page.
func (p page) paint(l look, text string) string {
	if p.width > 0 {
		text = terminal.Cut(text, p.width)
	}
	if !p.color {
		return text
	}
	return l.paint(text)
}

// printLines prints lines.
func printLines(w io.Writer, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}
