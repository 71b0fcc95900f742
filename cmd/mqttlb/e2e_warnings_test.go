package main_test

import (
	"strings"
	"testing"
)

// quickIdle ends clients that are well.
const quickIdle = "timeouts: {idle: 30s}\n"

func TestWarningsAboutTheConfigurationAreSeenEverywhere(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.more = quickIdle
	r.put(t)
	const text = ": warning: timeouts.idle: 30s ends clients that are well"
	for _, c := range []struct {
		args []string
		code int
	}{{[]string{"check", r.config}, 0}, {[]string{"check", "--strict", r.config}, 1}} {
		if out, code := mqttlb(t, c.args...); code != c.code || !strings.Contains(out, r.config+":") || !strings.Contains(out, text) || !strings.Contains(out, "LISTENER") {
			t.Errorf("%v: exit code %d, want %d:\n%s", c.args, code, c.code, out)
		}
	}
	r.run(t)
	r.waitFor(t, `"level":"WARN","msg":"the configuration","warning":"`+r.config)

	r.more = strings.Replace(quickIdle, "30s", "40s", 1)
	r.put(t)
	if out := r.mustReload(t); !strings.Contains(out, "warning: "+r.config) || !strings.Contains(out, "timeouts.idle: 40s ends clients") {
		t.Errorf("the reload says\n%s", out)
	}
	r.more = ""
	r.put(t)
	if out, code := mqttlb(t, "check", "--strict", r.config); code != 0 || strings.Contains(out, "warning") {
		t.Errorf("without a warning: exit code %d:\n%s", code, out)
	}
}
