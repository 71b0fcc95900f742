//go:build linux

package compare

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestARatioMayBe15PerCentWorseThanRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recorded.json")
	if err := testReport().Record(file); err != nil {
		t.Fatal(err)
	}
	targets, err := RecordedTargets(file)
	if err != nil || len(targets) != 3 {
		t.Fatalf("%v, %v", targets, err)
	}
	for _, c := range []struct {
		row  string
		by   float64
		want string
	}{
		{"roundtrip-20", 1.14, ""},
		{"roundtrip-20", 1.16, "roundtrip-20: ratio"},
		{"roundtrip-20", 0.5, ""},
		{"threads-2", 0.88, ""},
		{"threads-2", 0.86, "threads-2: ratio"},
		{"threads-2", 2, ""},
	} {
		r := testReport()
		for i := range r.Measures {
			if r.Measures[i].Name == c.row {
				r.Measures[i].Ratio.Median *= c.by
			}
		}
		got := strings.Join(r.Missed(targets), "; ")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s times %v: %q, want %q", c.row, c.by, got, c.want)
		}
	}
}

func TestARatioThatJumpsIsNotRecorded(t *testing.T) {
	r := testReport()
	r.Measures[0].Ratio = Ratio{Median: 1, Low: 0.8, High: 1.2, Each: []float64{0.8, 1, 1.2}}
	file := filepath.Join(t.TempDir(), "recorded.json")
	if err := r.Record(file); err != nil {
		t.Fatal(err)
	}
	targets, err := RecordedTargets(file)
	if _, there := targets["roundtrip-20"]; err != nil || there || len(targets) != 2 {
		t.Errorf("%v, %v", targets, err)
	}
}

func TestARecordThatSaysNothingIsRefused(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"ratios": {"speed": 1}}`, `{"ratios": {"connect": 0}}`} {
		file := filepath.Join(t.TempDir(), "recorded.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if targets, err := RecordedTargets(file); err == nil {
			t.Errorf("%q: %v", text, targets)
		}
	}
}

func TestTheCommittedRecordIsOfRowsThatExist(t *testing.T) {
	if _, err := RecordedTargets("recorded.json"); err != nil {
		t.Error(err)
	}
}
