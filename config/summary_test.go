package config

import (
	"errors"
	"os"
	"strings"
	"testing"
)

func TestSummaryShowsWhatAFileMeans(t *testing.T) {
	for _, name := range []string{"full", "http", "minimal", "summary", "tls"} {
		data, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		c, s := decoded(t, data)
		if s.err() != nil {
			t.Fatal(s.err())
		}
		var b strings.Builder
		if err := c.Summary(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/"+name+".summary", b.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

var errBroken = errors.New("broken")

func TestSummaryReportsTheErrorOfItsWriter(t *testing.T) {
	c := sample()
	if err := c.Summary(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}
