//go:build linux

package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestCandidatesTakeTurnsABBA(t *testing.T) {
	b := &bench{}
	all := []*running{{candidate: &candidate{name: "a"}}, {candidate: &candidate{name: "b"}}}
	var order []string
	got, err := b.inTurns(measures[0], 3, all, func(r *running) ([]sample, error) {
		order = append(order, r.name)
		return []sample{{value: float64(len(order))}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.Join(order, " "); s != "a b b a a b" {
		t.Errorf("turns were %s", s)
	}
	// a had turns 1, 4, 5 and b 2, 3, 6: the pairs are (1,2), (4,3), (5,6).
	m := got[0]
	want := []float64{2, 3.0 / 4, 6.0 / 5}
	if !slices.Equal(m.Ratio.Each, want) || m.Ratio.Median != 1.2 || m.Ratio.Low != 0.75 || m.Ratio.High != 2 {
		t.Errorf("ratio is %+v, want each %v", m.Ratio, want)
	}
}

func TestATurnThatFailsEndsTheMeasure(t *testing.T) {
	b := &bench{}
	broken := errors.New("broken")
	_, err := b.inTurns(measures[0], 3, []*running{{candidate: haproxyForTest}}, func(*running) ([]sample, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), haproxyForTest.name) {
		t.Errorf("got %v", err)
	}
}

var haproxyForTest = &candidate{name: "haproxy"}

func TestSlopeLeavesOutWhatAProgramNeedsForItself(t *testing.T) {
	var l line
	for _, n := range steps {
		l.add(n, 5e6+350*float64(n))
	}
	if s := l.slope(); math.Abs(s-350) > 1e-6 {
		t.Errorf("slope is %v, want 350", s)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(c.v); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.v, got, c.want)
		}
	}
}

func testReport() *Report {
	m := func(name, unit string, a, b float64) Measure {
		return Measure{Name: name, Title: "title of " + name, Unit: unit, Figures: []Figure{
			{Candidate: "haproxy", Median: a, Samples: []float64{a}, MachineMedian: 3 * a},
			{Candidate: "mqttlb", Median: b, Samples: []float64{b}, MachineMedian: 2 * b},
		}, Ratio: ratioOf([]float64{b}, []float64{a})}
	}
	rate := m("threads-2", "", 1000, 1100)
	rate.More = true
	return &Report{
		Date: "2026-11-22", Machine: Machine{CPU: "test", Cores: 2, Kernel: "Linux", Go: "go"}, Pairs: 1, Seconds: 9,
		Candidates: []Candidate{{"haproxy", "HAProxy 2.6"}, {"mqttlb", "mqttlb 1"}},
		Measures:   []Measure{m("roundtrip-20", "µs", 10, 9), m("memory", "bytes", 3500, 420), rate},
	}
}

func TestTargetsThatAreMissedAreNamed(t *testing.T) {
	r := testReport()
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"roundtrip-20=0.91", "memory=0.13"}, ""},
		{[]string{"roundtrip-20=0.89"}, "roundtrip-20: ratio 0.900, at most 0.89 is wanted"},
		{[]string{"connect=1.0"}, "connect: not measured"},
		{[]string{"threads-2=1.05"}, ""},
		{[]string{"threads-2=1.2"}, "threads-2: ratio 1.100, at least 1.2 is wanted"},
	} {
		targets := Targets{}
		for _, s := range c.flags {
			if err := targets.Set(s); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(r.Missed(targets), "; "); got != c.want {
			t.Errorf("%v: %q, want %q", c.flags, got, c.want)
		}
	}
	for _, s := range []string{"", "connect", "connect=", "connect=-1", "connect=fast", "speed=1"} {
		if err := (Targets{}).Set(s); err == nil {
			t.Errorf("--target %q: no error", s)
		}
	}
}

func TestABusyMachineIsSaidToBeOne(t *testing.T) {
	r := testReport()
	share := 0.04
	if r.conditions() != "" {
		t.Errorf("without a measure of CPU: %q", r.conditions())
	}
	if r.Elsewhere = &share; strings.Contains(r.conditions(), "busy") {
		t.Error(r.conditions())
	}
	share = 0.4
	if !strings.Contains(string(r.Markdown()), "40 % of the CPU") || !strings.Contains(string(r.Markdown()), "busy with something else") {
		t.Errorf("%s", r.Markdown())
	}
}

func TestThePageHoldsEveryFigure(t *testing.T) {
	r := testReport()
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for name, page := range map[string]string{"text": text.String(), "Markdown": string(r.Markdown())} {
		for _, want := range []string{"title of roundtrip-20, µs", "10", "9", "0.90", "30 / 18", "3500", "420", "0.12"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s has no %q:\n%s", name, want, page)
			}
		}
	}
	if want := fmt.Sprintf("mqttlb: %s", r.Candidates[1].Version); !strings.Contains(string(r.Markdown()), want) {
		t.Errorf("the page has no %q", want)
	}
}

// A stall of the machine in a turn affects only the pair of that turn.
func TestRatioOfATailIsThatOfTheMedians(t *testing.T) {
	m := latency(10)
	turns := &turns{names: []string{"a", "b"}, samples: map[string][][]sample{}}
	for _, v := range []float64{1000, 100, 100} {
		turns.samples["a"] = append(turns.samples["a"], []sample{{value: v}, {value: v}, {value: v}})
	}
	for _, v := range []float64{90, 90, 900} {
		turns.samples["b"] = append(turns.samples["b"], []sample{{value: v}, {value: v}, {value: v}})
	}
	got := turns.measures(m)
	for _, p := range got[1:] {
		if p.Ratio.Median != 0.9 || p.Ratio.Low != 0.09 || p.Ratio.High != 9 {
			t.Errorf("%s: %+v", p.Name, p.Ratio)
		}
	}
}
