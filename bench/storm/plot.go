//go:build linux

package storm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"mqttlb/bench/compare"
)

// plotFile is the picture of all nights.
const plotFile = "storm.svg"

// Sizes in the picture, in pixels.
const (
	plotWidth   = 860
	titleSpace  = 64
	panelWidth  = 380
	panelHeight = 130
	panelSpace  = 70 // for the title of a panel and its scale
	panelLeft   = 30
	panelGap    = 430 // between the left edges of two panels
	textColor   = "#444444"
)

// WritePlot writes a picture to a folder: for every night, how many clients are in over
// time.
func (r *Report) WritePlot(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, plotFile), r.draw(), 0o644)
}

func (r *Report) draw() []byte {
	var body bytes.Buffer
	for i := range r.Nights {
		x, y := panelLeft+i%2*panelGap, titleSpace+i/2*(panelHeight+panelSpace)
		r.drawNight(&body, &r.Nights[i], x, y)
	}
	height := titleSpace + (len(r.Nights)+1)/2*(panelHeight+panelSpace)
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	compare.Text(&out, panelLeft, 28, 18, "#000000", "Clients with a session, over the time of the storm")
	compare.Text(&out, panelLeft, 48, 12, textColor, r.Date+", "+r.Machine.CPU)
	for i, b := range r.Balancers {
		compare.Text(&out, plotWidth-200+i*90, 28, 13, color(i), "— "+b.Name)
	}
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// drawNight draws a panel whose upper left corner is x, y.
func (r *Report) drawNight(b *bytes.Buffer, n *Night, x, y int) {
	longest, clients := time.Second, 1
	for _, result := range n.Results {
		longest, clients = max(longest, result.Elapsed), max(clients, result.Clients)
	}
	top := y + 24
	compare.Text(b, x, y+14, 13, "#222222", fmt.Sprintf("%s: %s", n.Name, n.Title))
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#cccccc"/>`+"\n", x, top, panelWidth, panelHeight)
	compare.Text(b, x, top+panelHeight+16, 11, textColor, "0 s")
	compare.Text(b, x+panelWidth-40, top+panelHeight+16, 11, textColor, fmt.Sprintf("%.0f s", longest.Seconds()))
	compare.Text(b, x+4, top+12, 11, textColor, fmt.Sprint(clients))
	for i, result := range n.Results {
		fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="1.5" d="`, color(i))
		last := -1
		in := 0
		at := func(t time.Duration) int { return x + int(float64(t)/float64(longest)*panelWidth) }
		high := func(in int) int { return top + panelHeight - in*panelHeight/clients }
		for _, c := range result.changes {
			px := at(c.at)
			switch {
			case last < 0:
				fmt.Fprintf(b, "M%d %d", px, high(c.in))
			case px != last: // the last value of a pixel is drawn
				fmt.Fprintf(b, "V%dH%d", high(in), px)
			}
			last, in = px, c.in
		}
		fmt.Fprintf(b, `V%dH%d"/>`+"\n", high(in), at(result.Elapsed))
	}
}

func color(balancer int) string {
	colors := compare.Colors()
	return colors[balancer%len(colors)]
}
