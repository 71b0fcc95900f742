//go:build linux

package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is the result of a comparison.
type Report struct {
	Date       string      `json:"date"`
	Machine    Machine     `json:"machine"`
	Candidates []Candidate `json:"candidates"` // the reference first
	Pairs      int         `json:"pairs"`
	Turn       string      `json:"turn"`
	Seconds    int         `json:"seconds"`
	Measures   []Measure   `json:"measures"`
	Notes      []string    `json:"notes,omitempty"` // what could not be measured

	// Elsewhere is the share of the CPU used during the turns by neither candidates,
	// broker nor load, but by other programs and kernel workers. Nil if no measure of CPU
	// was made.
	Elsewhere *float64 `json:"elsewhere,omitempty"`
}

// quietElsewhere is a generous limit for an idle machine.
const quietElsewhere = 0.1

// conditions lists what could not be measured and what else the machine did, each in a
// paragraph.
func (r *Report) conditions() string {
	notes := ""
	for _, n := range r.Notes {
		notes += "\nNote: " + n + ".\n"
	}
	if r.Elsewhere == nil {
		return notes
	}
	s := notes + fmt.Sprintf("\n%.0f %% of the CPU used during the turns was neither balancer's, broker's nor load's", 100**r.Elsewhere)
	if *r.Elsewhere > quietElsewhere {
		return s + ": the machine was busy with something else, repeat this on a quiet one.\n"
	}
	return s + ".\n"
}

// Candidate is a compared program.
type Candidate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Measure is the answer to one question.
type Measure struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Unit    string   `json:"unit"`
	More    bool     `json:"more_is_better,omitempty"`
	Figures []Figure `json:"figures"` // the reference, the one compared with it, others
	Ratio   Ratio    `json:"ratio"`   // of the second figure to the first
}

// Figure is the cost of one candidate. MachineMedian is the CPU time of all cores for the
// same unit of work, including load and broker; 0 if the unit is not CPU.
type Figure struct {
	Candidate     string    `json:"candidate"`
	Median        float64   `json:"median"`
	Samples       []float64 `json:"samples"`
	MachineMedian float64   `json:"machine_median"`
}

// Ratio is the median of the ratios within each pair, and their spread. For the tail of a
// distribution Median is the ratio of the medians: a stall of the machine in one turn
// spoils its pair, but not the median of all turns.
type Ratio struct {
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Each   []float64 `json:"each"`
}

// figureOf returns the figure of a candidate, or nil if it was not measured.
func (m *Measure) figureOf(candidate string) *Figure {
	i := slices.IndexFunc(m.Figures, func(f Figure) bool { return f.Candidate == candidate })
	if i < 0 {
		return nil
	}
	return &m.Figures[i]
}

// row returns a cell for each candidate with its figures: its own, and then the whole
// machine's. If another candidate was measured in a column, the cell names it.
func (m *Measure) row(candidates []Candidate) []string {
	var own, machine []string
	measured := false
	for i, c := range candidates {
		o, w, f := "-", "-", m.figureOf(c.Name)
		if i < 2 { // the two of the ratio
			f = &m.Figures[i]
		}
		if f != nil && f.Median > 0 {
			if o = figure(f.Median); f.Candidate != c.Name {
				o += " (" + f.Candidate + ")"
			}
		}
		if f != nil && f.MachineMedian > 0 {
			w, measured = figure(f.MachineMedian), true
		}
		own, machine = append(own, o), append(machine, w)
	}
	row := []string{m.Title + unit(m.Unit), own[0], own[1],
		fmt.Sprintf("%.2f", m.Ratio.Median), fmt.Sprintf("%.2f-%.2f", m.Ratio.Low, m.Ratio.High)}
	row = append(row, own[2:]...)
	if !measured {
		return append(row, "")
	}
	return append(row, strings.Join(machine, " / "))
}

func (r *Report) header() []string {
	var names []string
	for _, c := range r.Candidates {
		names = append(names, c.Name)
	}
	header := []string{"measure", names[0], names[1], "ratio", "spread"}
	header = append(header, names[2:]...)
	return append(header, "whole machine, µs: "+strings.Join(names, " / "))
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return ", " + u
}

// figure formats v with three significant digits, from 100 on as a whole number.
func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// WriteText writes the table for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(r.header(), "\t"))
	for _, m := range r.Measures {
		fmt.Fprintln(t, strings.Join(m.row(r.Candidates), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.conditions())
	return err
}
