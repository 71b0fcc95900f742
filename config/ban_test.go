package config

import (
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

func TestRatesWithinATime(t *testing.T) {
	parse := rateWithin("sessions")
	for text, want := range map[string]RateWithin{
		"15/1m": {15, time.Minute}, "15/m": {15, time.Minute}, "1/1s": {1, time.Second}, "10000/1h": {10_000, time.Hour}, "3/1m30s": {3, 90 * time.Second}, "off": {},
	} {
		got, err := parse(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text})
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		again, err := parse(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: got.String()})
		if err != nil || again != want {
			t.Errorf("%s is written as %s: %v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"0/1m":      "0 is out of range 1 to 10000 sessions, or off",
		"10001/1m":  "10001 is out of range 1 to 10000 sessions, or off",
		"15/2h":     "the time 2h is out of range 1s to 1h",
		"15/10ms":   "the time 10ms is out of range 1s to 1h",
		"15/":       `the time is the text ""; it must be a duration with a unit (ms, s, m, h), as 5s or 1m30s`,
		"15/60":     `the time is the text "60"; it must be a duration with a unit (ms, s, m, h), as 5s or 1m30s`,
		"15":        `is the text "15"; it must be a number of sessions within a time, as 15/1m, or off`,
		"/1m":       `is the text "/1m"; it must be a number of sessions within a time, as 15/1m, or off`,
		"-1/1m":     `is the text "-1/1m"; it must be a number of sessions within a time, as 15/1m, or off`,
		"015/1m":    `is the text "015/1m"; it must be a number of sessions within a time, as 15/1m, or off`,
		"15 per 1m": `is the text "15 per 1m"; it must be a number of sessions within a time, as 15/1m, or off`,
	} {
		if got, err := parse(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
}
