package config

import (
	"errors"
	"strings"
	"testing"
)

func TestSummaryShowsWhatAFileMeans(t *testing.T) {
	setVariables(t)
	for _, name := range []string{"discover", "full", "http", "include/right/mqttlb", "log", "minimal", "probes", "rules", "summary", "tls"} {
		c, err := Load("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
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
