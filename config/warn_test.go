package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// warningsOf returns one line for each warning about a configuration.
func warningsOf(c *Config) string {
	var lines strings.Builder
	for _, w := range c.Warnings {
		lines.WriteString(w.Warning() + "\n")
	}
	return lines.String()
}

func TestEveryDoubtfulFileIsReadWithItsWarnings(t *testing.T) {
	files, err := filepath.Glob("testdata/doubtful/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), data)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Warnings {
				if w.Line < 1 || w.Column < 1 {
					t.Errorf("no position: %s", w)
				}
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".warnings", warningsOf(c))
			checkYAML(t, c)
		})
	}
}

func TestExamplesAreReadWithoutWarnings(t *testing.T) {
	files, err := filepath.Glob("../deploy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range append(files, "testdata/minimal.yaml", "testdata/full.yaml") {
		if c, err := Load(file); err != nil || c.Warnings != nil {
			t.Errorf("%s: %v\n%s", file, err, warningsOf(c))
		}
	}
}

func TestWarningsAboutFlagsNameTheFlag(t *testing.T) {
	c, err := FromFlags([]string{":8883"}, []string{"a:8083"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := `--listen ":8883": warning: 8883 is the port of MQTT inside TLS, and this listener speaks in the clear; it needs a section tls, unless a proxy before it ends the TLS
--node "a:8083": warning: 8083 is usually the port of MQTT over WebSocket; the pool needs protocol: ws
`
	if got := warningsOf(c); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}
