//go:build linux

package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// tolerance is how much worse than the recorded ratio a ratio may be.
const tolerance = 0.15

// widestSpread limits the distance from the lowest to the highest ratio, relative to the
// median. A row with more is not recorded, because a tolerance of 15 % would be random.
const widestSpread = 0.3

// recorded is the content of a file of recorded ratios.
type recorded struct {
	Date    string             `json:"date"`
	Machine Machine            `json:"machine"`
	Ratios  map[string]float64 `json:"ratios"` // by row
}

// Record writes the ratios with a small enough spread to a file.
func (r *Report) Record(path string) error {
	all := recorded{Date: r.Date, Machine: r.Machine, Ratios: make(map[string]float64)}
	for _, m := range r.Measures {
		if q := m.Ratio; len(q.Each) > 0 && q.High-q.Low <= widestSpread*q.Median {
			all.Ratios[m.Name] = math.Round(q.Median*1000) / 1000
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// RecordedTargets reads a file written by Record. A ratio may be 15 % worse than the
// recorded one.
func RecordedTargets(path string) (Targets, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all recorded
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t := Targets{}
	for name, ratio := range all.Ratios {
		limit := ratio * (1 + tolerance)
		if moreIsBetter(name) {
			limit = ratio / (1 + tolerance)
		}
		if err := t.Set(fmt.Sprintf("%s=%g", name, limit)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(t) == 0 {
		return nil, fmt.Errorf("%s holds no ratio", path)
	}
	return t, nil
}
