//go:build linux

package compare

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is everything that a comparison has found.
type Report struct {
	Date       string      `json:"date"`
	Machine    Machine     `json:"machine"`
	Candidates []Candidate `json:"candidates"` // the reference first
	Pairs      int         `json:"pairs"`
	Turn       string      `json:"turn"`
	Seconds    int         `json:"seconds"`
	Measures   []Measure   `json:"measures"`
	Notes      []string    `json:"notes,omitempty"` // what could not be done

	// Elsewhere is the share of the CPU used during the turns that was neither the
	// candidates' nor the broker's nor the load's: other programs, and kernel workers.
	// Nil when no measure of CPU was among them.
	Elsewhere *float64 `json:"elsewhere,omitempty"`
}

// quietElsewhere is what an idle machine does beside a comparison, generously.
const quietElsewhere = 0.1

// conditions says what could not be done and what else the machine was doing, each in a
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

// Candidate is a program that was compared.
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
	Figures []Figure `json:"figures"` // the reference, what is compared with it, others
	Ratio   Ratio    `json:"ratio"`   // of the second figure to the first
}

// Figure is what one candidate needed. MachineMedian is the same unit of work's share of
// the CPU of all cores, load and broker included; 0 where the unit is not CPU.
type Figure struct {
	Candidate     string    `json:"candidate"`
	Median        float64   `json:"median"`
	Samples       []float64 `json:"samples"`
	MachineMedian float64   `json:"machine_median"`
}

// Ratio is the median of the ratios within each pair, and their spread.
type Ratio struct {
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Each   []float64 `json:"each"`
}

func (m *Measure) row() []string {
	row := []string{m.Title + unit(m.Unit), figure(m.Figures[0].Median), figure(m.Figures[1].Median),
		fmt.Sprintf("%.2f", m.Ratio.Median), fmt.Sprintf("%.2f-%.2f", m.Ratio.Low, m.Ratio.High)}
	var machine []string
	for _, f := range m.Figures {
		if f.MachineMedian > 0 {
			machine = append(machine, figure(f.MachineMedian))
		}
	}
	return append(row, strings.Join(machine, " / "))
}

func (r *Report) header() []string {
	reference, compared := r.Candidates[0].Name, r.Candidates[1].Name
	return []string{"measure", reference, compared, "ratio", "spread",
		"whole machine: " + reference + " / " + compared + " / direct"}
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return ", " + u
}

// figure has three significant digits, and whole numbers from 100 on.
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
		fmt.Fprintln(t, strings.Join(m.row(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, r.conditions())
	return err
}
