package main_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recordingsDir holds a file for each scenario. A section records the modes that its
// title names. Where a bug is known, a line that begins with "+ " is right and does not
// happen, and one that begins with "- " happens and is wrong.
const recordingsDir = "testdata/recordings"

const (
	titlePrefix = "== "
	rightPrefix = "+ "
	wrongPrefix = "- "
)

// golden is the file of a scenario: the section of each mode.
type golden map[string]string

func goldenPath(name string) string { return filepath.Join(recordingsDir, name+".txt") }

// readGolden reads a scenario's file. One that is missing has no sections.
func readGolden(t *testing.T, name string) golden {
	t.Helper()
	b, err := os.ReadFile(goldenPath(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	g := golden{}
	var modes []string
	for line := range strings.Lines(string(b)) {
		switch title, ok := strings.CutPrefix(line, titlePrefix); {
		case ok:
			modes = strings.Split(strings.TrimSpace(title), ", ")
		case strings.TrimSpace(line) != "":
			for _, mode := range modes { // the comment at the top has no modes
				g[mode] += line
			}
		}
	}
	return g
}

// write writes the file. Modes with the same section share one title.
func (g golden) write(t *testing.T, sc *scenario) {
	t.Helper()
	var b strings.Builder
	b.WriteString(sc.comment())
	var order []string
	titles := map[string][]string{}
	for _, m := range sc.inModes() {
		section := g[m.name]
		if titles[section] == nil {
			order = append(order, section)
		}
		titles[section] = append(titles[section], m.name)
	}
	for _, section := range order {
		b.WriteString("\n" + titlePrefix + strings.Join(titles[section], ", ") + "\n" + section)
	}
	if err := os.MkdirAll(recordingsDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenPath(sc.name), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// right is a section as it will be, today as it is while its bugs live.
func right(section string) string { return unmarked(section, rightPrefix, wrongPrefix) }
func today(section string) string { return unmarked(section, wrongPrefix, rightPrefix) }

func unmarked(section, kept, dropped string) string {
	var b strings.Builder
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, dropped) {
			b.WriteString(strings.TrimPrefix(line, kept))
		}
	}
	return b.String()
}

// lineDiff returns the difference between two texts by lines, "-" before a removed line
// and "+" before an added one.
func lineDiff(from, to string) string {
	a, b := strings.Split(strings.TrimSuffix(from, "\n"), "\n"), strings.Split(strings.TrimSuffix(to, "\n"), "\n")
	common := make([][]int, len(a)+1) // the length of the longest common subsequence of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out strings.Builder
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out.WriteString("  " + a[i] + "\n")
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out.WriteString("- " + a[i] + "\n")
			i++
		default:
			out.WriteString("+ " + b[j] + "\n")
			j++
		}
	}
	return out.String()
}
