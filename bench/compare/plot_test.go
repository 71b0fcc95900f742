//go:build linux

package compare

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlotsAreXMLAndHoldTheFigures(t *testing.T) {
	r := testReport()
	r.Candidates[1].Name = "a<b"
	for i := range r.Measures {
		r.Measures[i].Figures[1].Candidate = "a<b"
	}
	folder := filepath.Join(t.TempDir(), "plots")
	if err := r.WritePlots(folder); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"cpu.svg":    {"title of roundtrip-20, µs", ">haproxy<", ">10<", ">a&lt;b<", ">9  (0.90)<", `width="260"`, `width="234"`},
		"memory.svg": {"title of memory, bytes", ">3500<", ">420  (0.12)<"},
	} {
		picture, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		for _, s := range want {
			if !strings.Contains(string(picture), s) {
				t.Errorf("%s has no %s:\n%s", file, s, picture)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "latency.svg")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a picture of nothing: %v", err)
	}
}

func TestALongBarEndsInsideThePicture(t *testing.T) {
	r := testReport()
	r.Measures[0].Ratio.Median = 100
	picture := string(r.draw(plots[0]))
	if !strings.Contains(picture, `width="520"`) || !strings.Contains(picture, "(100.00)") {
		t.Error(picture)
	}
}
