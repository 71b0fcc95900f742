package main_test

import (
	"net/http"
	"strings"
	"testing"
)

// A primary broker dies, the backup takes its clients, and everything that an operator looks at says so.
func TestABackupIsInUseWhileItsBrokerIsDown(t *testing.T) {
	t.Parallel()
	primary, backup := startMosquitto(t, "a"), startMosquitto(t, "b")
	r := newReloadee(t, nodes(primary)+strings.Replace(nodes(backup), "}", ", backup: true}", 1))
	r.health = quickHealth
	r.put(t)
	r.run(t)
	says := func(when string, commands map[string][]string) {
		t.Helper()
		for command, says := range commands {
			out := strings.Join(strings.Fields(r.must(t, strings.Fields(command)...)), " ")
			for _, want := range says {
				if want, without := strings.CutPrefix(want, "not "); strings.Contains(out, want) == without {
					t.Errorf("%s: ctl %s, want %q:\n%s", when, command, want, out)
				}
			}
		}
	}
	all := ids("client", 10)
	come := func(to *mosquitto) {
		t.Helper()
		for _, id := range all {
			join(t, r.addrs["mqtt"], "", 5, id)
		}
		for id, m := range homes(t, []*mosquitto{primary, backup}, all, 1) {
			if m != to {
				t.Errorf("%s is on %s, want %s", id, m.name, to.name)
			}
		}
	}
	come(primary)
	says("at first", map[string][]string{
		"nodes":        {" backup", "not in use"},
		"route one":    {"> a up", "first by its hash", "a backup: used when no node before it is up, or can be reached"},
		"alarms":       {"not backup_in_use"},
		"nodes --json": {`"backup":true`},
	})
	if n := r.metrics(t).sum(t, "mqttlb_pool_tier_in_use", `pool="brokers"`); n != 1 {
		t.Errorf("tier %v is in use", n)
	}

	primary.kill()
	r.waitFor(t, `"msg":"later nodes are in use: no node before them is up"`, `"pool":"brokers"`, `"in_use":"a backup"`)
	all = ids("late", 10)
	come(backup)
	says("with the primary down", map[string][]string{
		"route one":     {"> b up", "first by its hash; a backup, in use since no node before it is up", "down by its health checks"},
		"alarms":        {"backup_in_use brokers", "no node before it is up: new sessions go to a backup", "not pool_down"},
		"status --json": {`"tier_in_use":2`, `"in_use":"a backup"`},
		"status":        {"a backup is in use"},
	})
	if n := r.metrics(t).sum(t, "mqttlb_pool_tier_in_use", `pool="brokers"`); n != 2 {
		t.Errorf("tier %v is in use", n)
	}
	if code, text := r.readyz(); code != http.StatusOK {
		t.Errorf("/readyz with a backup: %d %q", code, text)
	}

	// A reload makes it a node like the other one.
	r.nodes = nodes(primary, backup)
	r.put(t)
	r.mustReload(t)
	r.waitFor(t, `"msg":"the first nodes are in use again"`, `"pool":"brokers"`)
	says("after a reload", map[string][]string{"alarms": {"not backup_in_use"}, "route one": {"> b up", "not backup"}})
}
