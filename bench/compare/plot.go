//go:build linux

package compare

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
)

// plot is a picture of some rows. Each row has a bar for every candidate, whose length is
// its figure relative to the reference. So figures of different units and sizes share a
// scale.
type plot struct {
	file, title string
	rows        []string // names of rows; a trailing * matches any end
}

var plots = []plot{
	{"cpu.svg", "CPU of the balancer", []string{"roundtrip-*", "inflight-*", "bulk*", "connect", "ws-roundtrip-*", "ws-translate", "ws-connect",
		"tls-roundtrip-*", "tls-connect*"}},
	{"memory.svg", "Memory of an idle connection", []string{"memory", "ws-memory", "tls-memory"}},
	{"latency.svg", "Latency in an open loop", []string{"latency-*"}},
}

// Sizes in the pictures, in pixels.
const (
	plotWidth  = 860
	barHeight  = 14
	textFrom   = 20
	barFrom    = 100 // after the candidate's name
	barLength  = 520 // at widestBar
	titleSpace = 56
	groupSpace = 36 // for the title of a row
)

// widestBar is the length of the longest bar, relative to the reference's. A longer bar
// is cut there, and its figure shows the ratio.
const widestBar = 2.0

// barColors are the colors of the candidates in order; color-blind readers can tell them
// apart, too.
var barColors = []string{"#999999", "#0072b2", "#e69f00", "#009e73"}

// WritePlots writes the pictures of the report to a folder, except empty ones.
func (r *Report) WritePlots(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, p := range plots {
		picture := r.draw(p)
		if picture == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, p.file), picture, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (p plot) shows(row string) bool {
	return slices.ContainsFunc(p.rows, func(pattern string) bool { return matches(pattern, row) })
}

// draw returns the picture as SVG, or nil if none of its rows was measured.
func (r *Report) draw(p plot) []byte {
	var body bytes.Buffer
	y := titleSpace
	for _, m := range r.Measures {
		if !p.shows(m.Name) || m.Figures[0].Median <= 0 {
			continue
		}
		y += groupSpace
		top := y
		text(&body, textFrom, y-8, 13, "#222222", m.Title+unit(m.Unit))
		for i, c := range r.Candidates {
			f := m.figureOf(c.Name)
			if f == nil || f.Median <= 0 {
				continue
			}
			ratio := f.Median / m.Figures[0].Median
			if i == 1 {
				ratio = m.Ratio.Median // pair by pair, as in the table
			}
			length := int(min(ratio, widestBar) / widestBar * barLength)
			label := figure(f.Median)
			if i > 0 {
				label += fmt.Sprintf("  (%.2f)", ratio)
			}
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
				barFrom, y, max(length, 1), barHeight-2, barColors[i%len(barColors)])
			text(&body, textFrom, y+barHeight-4, 11, "#444444", c.Name)
			text(&body, barFrom+barLength+10, y+barHeight-4, 11, "#444444", label)
			y += barHeight
		}
		fmt.Fprintf(&body, `<path d="M%d %dV%d" stroke="#222222" stroke-dasharray="3 3"/>`+"\n",
			barFrom+int(barLength/widestBar), top-2, y)
	}
	if body.Len() == 0 {
		return nil
	}
	height := y + 20
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	text(&out, textFrom, 28, 18, "#000000", p.title)
	text(&out, textFrom, 48, 12, "#444444", fmt.Sprintf("less is better; as a share of %s (the line); bars end at %.0f times; %s, %s",
		r.Candidates[0].Name, widestBar, r.Date, r.Machine.CPU))
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// text writes a line of text; x and y are the start of its base line.
func text(b *bytes.Buffer, x, y, size int, color, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="%d" fill="%s">%s</text>`+"\n", x, y, size, color, html.EscapeString(s))
}
