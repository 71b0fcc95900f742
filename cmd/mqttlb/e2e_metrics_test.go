package main_test

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// metrics are the values of /metrics by series. A key is spelled as on that page:
// name{label="value",...}.
type metrics map[string]float64

// metrics reads /metrics.
func (b *balancer) metrics(t *testing.T) metrics {
	t.Helper()
	resp, err := http.Get("http://" + b.addrs["admin"] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("/metrics: %s\n%s", resp.Status, text)
	}
	m := metrics{}
	scan := bufio.NewScanner(resp.Body)
	for scan.Scan() {
		line := scan.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		if i < 0 {
			t.Fatalf("/metrics has a line %q", line)
		}
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("/metrics has a line %q: %v", line, err)
		}
		m[line[:i]] = v
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return m
}

// sum adds up the series of a name that have all these labels, each written as
// label="value". A name without any series is a mistake in the test.
func (m metrics) sum(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	total, found := 0.0, false
next:
	for series, v := range m {
		rest, ok := strings.CutPrefix(series, name)
		if !ok || rest != "" && rest[0] != '{' {
			continue
		}
		found = true
		for _, label := range labels {
			if !strings.Contains(rest, label) {
				continue next
			}
		}
		total += v
	}
	if !found {
		t.Fatalf("/metrics has no %s", name)
	}
	return total
}
