//go:build linux

package compare

import (
	"fmt"
	"slices"
)

// sample is the result of one turn of a candidate.
type sample struct {
	value   float64 // of the candidate's own process; 0: no process
	machine float64 // of all cores, if measured
}

// turns are the samples of one measure, by candidate: for each turn one sample for each
// row.
type turns struct {
	names   []string // the reference, the one compared with it, others
	samples map[string][][]sample
}

// inTurns runs the turns of the candidates: A B, B A, A B, and so on, so that a drift of
// the machine affects both in the same way.
func (b *bench) inTurns(m measure, pairs int, all []*running, turn func(*running) ([]sample, error)) ([]Measure, error) {
	t := &turns{samples: make(map[string][][]sample)}
	for _, r := range all {
		t.names = append(t.names, r.name)
	}
	order := slices.Clone(all)
	pairs *= max(m.work.repeat, 1)
	for pair := range pairs {
		for _, r := range order {
			s, err := turn(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			t.samples[r.name] = append(t.samples[r.name], s)
			b.status("%s, pair %d of %d, %s: %.4g %s", m.name, pair+1, pairs, r.name, s[0].value, m.rows[0].unit)
		}
		slices.Reverse(order)
	}
	return t.measures(m), nil
}

// measures summarizes the turns, one Measure for each row.
func (t *turns) measures(m measure) []Measure {
	var all []Measure
	for i, row := range m.rows {
		out := Measure{Name: row.name, Title: row.title, Unit: row.unit, More: row.more}
		for _, name := range t.names {
			var own, machine []float64
			for _, s := range t.samples[name] {
				own = append(own, s[i].value)
				machine = append(machine, s[i].machine)
			}
			out.Figures = append(out.Figures, Figure{
				Candidate: name, Median: median(own), Samples: own, MachineMedian: median(machine),
			})
		}
		out.Ratio = ratioOf(out.Figures[1].Samples, out.Figures[0].Samples)
		if of := out.Figures[0].Median; row.tail && of > 0 {
			out.Ratio.Median = out.Figures[1].Median / of
		}
		all = append(all, out)
	}
	return all
}

// ratioOf compares pair by pair.
func ratioOf(of, to []float64) Ratio {
	var r Ratio
	for i := range min(len(of), len(to)) {
		if to[i] > 0 {
			r.Each = append(r.Each, of[i]/to[i])
		}
	}
	if len(r.Each) > 0 {
		r.Median, r.Low, r.High = median(r.Each), slices.Min(r.Each), slices.Max(r.Each)
	}
	return r
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}
