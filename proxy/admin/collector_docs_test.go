package admin

import (
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mqttlb/mqttparse"
)

// metricRow is a row of docs/metrics.md: name, type, labels, meaning, what to do.
var metricRow = regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| ([a-z]+) \\| ([a-z_, ]*)\\| (.*?) \\| (.*)\\|$")

// docs/metrics.md has every metric with its type and labels, and no other.
func TestThePageHasEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := families(t, everything(t)) // those of Go and of the kernel
	for _, m := range catalogue {
		exists[m.name] = *m
	}
	described := map[string]bool{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		name, kind, labels := row[1], row[2], strings.FieldsFunc(row[3], func(r rune) bool { return r == ',' || r == ' ' })
		if described[name] {
			t.Errorf("%s is there twice", name)
		}
		described[name] = true
		m, ok := exists[name]
		if !ok {
			if runtime.GOOS == "linux" || !strings.HasPrefix(name, "process_") {
				t.Errorf("there is no %s", name)
			}
			continue
		}
		if kind != m.kind {
			t.Errorf("%s is a %s, the page says %s", name, m.kind, kind)
		}
		if !slices.Equal(slices.Sorted(slices.Values(labels)), slices.Sorted(slices.Values(m.labels))) {
			t.Errorf("%s has the labels %v, the page says %v", name, m.labels, labels)
		}
		if own := strings.HasPrefix(name, "mqttlb_"); len(row[4]) < 10 && own || strings.TrimSpace(row[5]) == "" && own {
			t.Errorf("%s: what does it mean, and what is to be done when it moves?", name)
		}
	}
	for name := range exists {
		if !described[name] {
			t.Errorf("%s is not on the page", name)
		}
	}
}

// The table of the reference has every rule that a tolerant listener does not enforce.
func TestTheReferenceHasEveryToleratedRule(t *testing.T) {
	reference, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for r := mqttparse.Rule(1); int(r) < mqttparse.NumRules; r++ {
		if !regexp.MustCompile("(?m)^\\| [^|]+ \\| [^|]*`" + r.String() + "`[^|]* \\| [^|]+ \\| [^|]*\\|$").Match(reference) {
			t.Errorf("docs/configuration.md has no rule %s", r)
		}
	}
}

// A metric that the text names, as in an example of a query, exists.
func TestThePageNamesNoOtherMetrics(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, m := range catalogue {
		kinds[m.name] = m.kind
	}
	for _, name := range regexp.MustCompile(`\bmqttlb_[a-z_]+`).FindAllString(string(page), -1) {
		of, isBucket := strings.CutSuffix(name, "_bucket")
		if kinds[name] == "" && (!isBucket || kinds[of] != "histogram") {
			t.Errorf("there is no %s", name)
		}
	}
}

// A setting that the page names is in the reference of the configuration.
func TestThePageNamesSettingsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	setting := regexp.MustCompile("`((?:limits|timeouts|tls|health|log|admin|pools\\[\\]|listeners\\[\\])\\.[a-z_.\\[\\]]+)")
	named := setting.FindAllStringSubmatch(string(page), -1)
	if len(named) < 10 {
		t.Fatalf("%d settings are named", len(named))
	}
	for _, name := range named {
		row := regexp.MustCompile("(?m)^\\| `([a-z.\\[\\]]+\\.)?" + regexp.QuoteMeta(name[1]) + "[`.]")
		if !row.Match(reference) {
			t.Errorf("docs/configuration.md has no %s", name[1])
		}
	}
}
