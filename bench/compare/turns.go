//go:build linux

package compare

import (
	"fmt"
	"slices"
)

// sample is what one turn of a candidate gave.
type sample struct {
	value   float64 // of the candidate's own process; 0: it has none
	machine float64 // of all cores, where that was measured
}

// turns are the samples of one measure.
type turns struct {
	names   []string // in the order of their first turn
	samples map[string][]sample
}

func (t *turns) add(name string, s sample) {
	if t.samples == nil {
		t.samples = make(map[string][]sample)
	}
	if !slices.Contains(t.names, name) {
		t.names = append(t.names, name)
	}
	t.samples[name] = append(t.samples[name], s)
}

// inTurns gives the candidates their turns: A B, B A, A B, and so on, so that a drift of
// the machine meets both alike.
func (b *bench) inTurns(m measure, pairs int, all []*running, turn func(*running) (sample, error)) (*turns, error) {
	t := &turns{}
	for _, r := range all {
		t.names = append(t.names, r.name)
	}
	order := slices.Clone(all)
	for pair := range pairs {
		for _, r := range order {
			s, err := turn(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			t.add(r.name, s)
			b.status("%s, pair %d of %d, %s: %.4g %s", m.name, pair+1, pairs, r.name, s.value, m.unit)
		}
		slices.Reverse(order)
	}
	return t, nil
}

// measure condenses the turns. The first name is the reference, the second is compared.
func (t *turns) measure(m measure) Measure {
	out := Measure{Name: m.name, Title: m.title, Unit: m.unit}
	for _, name := range t.names {
		var own, machine []float64
		for _, s := range t.samples[name] {
			own = append(own, s.value)
			machine = append(machine, s.machine)
		}
		out.Figures = append(out.Figures, Figure{
			Candidate: name, Median: median(own), Samples: own, MachineMedian: median(machine),
		})
	}
	out.Ratio = ratioOf(out.Figures[1].Samples, out.Figures[0].Samples)
	return out
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
