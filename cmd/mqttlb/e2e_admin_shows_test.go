package main_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/admin/api"
)

func TestTheAPIShowsTheProcess(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.health = quickHealth
	r.put(t)
	r.run(t)
	join(t, r.addrs["mqtt"], "", 5, "one")
	get := func(path string, to any) {
		t.Helper()
		code, text := askAPI(t, http.DefaultClient, "GET", r.url(path), "")
		if err := json.Unmarshal([]byte(text), to); code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %v %s", path, code, err, text)
		}
	}
	var status api.Status
	get("/api/v1/status", &status)
	if status.PID != r.cmd.Process.Pid || status.State != api.Serving || !status.Ready || status.Generation != 1 || status.Sessions != 1 || status.Totals.Accepted != 1 ||
		len(status.Listeners) != 1 || status.Listeners[0].Address != r.addrs["mqtt"] || status.Listeners[0].Open != 1 ||
		len(status.Pools) != 1 || status.Pools[0] != (api.PoolStatus{Name: "brokers", Nodes: 1, Up: 1, Open: 1, TierInUse: 1}) || status.Alarms != 0 {
		t.Errorf("%+v", status)
	}
	var running api.Config
	get("/api/v1/config", &running)
	if running.Generation != 1 || running.File != r.config || !strings.Contains(running.Config, "brokers") {
		t.Errorf("%+v", running)
	}

	// What is wrong now is listed, and is gone when it is right again.
	r.logs = "levl: info"
	r.put(t)
	r.reload(t)
	broker.kill()
	var alarms api.Alarms
	eventually(t, "the node is down", func() bool {
		get("/api/v1/alarms", &alarms)
		return len(alarms.Alarms) == 3
	})
	for i, want := range []api.Alarm{{Name: "pool_down", Subject: "brokers"}, {Name: "node_down", Subject: "brokers/a"}, {Name: "reload_failed", Subject: r.config}} {
		if a := alarms.Alarms[i]; a.Name != want.Name || a.Subject != want.Subject || a.Text == "" || (a.Since != nil) != (a.Name == "node_down") {
			t.Errorf("%+v, want %s of %s", a, want.Name, want.Subject)
		}
	}
	if code, text := r.readyz(); code != http.StatusServiceUnavailable || text != "no node of pool \"brokers\" is up\n" {
		t.Errorf("/readyz: %d %q", code, text)
	}
	get("/api/v1/status", &status)
	if status.Ready || len(status.NotReady) != 1 || status.Alarms != 3 || !status.ReloadFailed {
		t.Errorf("%+v", status)
	}
	r.logs = "level: info, format: json"
	r.more = "    readiness: false\n"
	r.put(t)
	r.mustReload(t)
	if code, text := r.readyz(); code != http.StatusOK {
		t.Errorf("/readyz without readiness: %d %q", code, text)
	}
	get("/api/v1/alarms", &alarms)
	if len(alarms.Alarms) != 2 {
		t.Errorf("after a good reload: %+v", alarms)
	}

	for path, want := range map[string]int{"/debug/pprof/heap": 200, "/debug/pprof/": 200} {
		if code, _ := askAPI(t, r.overSocket(), "GET", "http://mqttlb"+path, ""); code != want {
			t.Errorf("%s over the socket: %d, want %d", path, code, want)
		}
		if code, _ := askAPI(t, http.DefaultClient, "GET", r.url(path), ""); code != http.StatusForbidden {
			t.Errorf("%s over the address: %d", path, code)
		}
	}
}

// followEvents reads the events of a process until the stream ends.
func (r *reloadee) followEvents(t *testing.T) <-chan api.Event {
	t.Helper()
	client := r.overSocket()
	client.Timeout = 0
	response, err := client.Get("http://mqttlb/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	events := make(chan api.Event, 100)
	lines := bufio.NewScanner(response.Body)
	lines.Scan() // it has begun
	go func() {  // ends with the stream
		defer close(events)
		for lines.Scan() {
			var e api.Event
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &e) == nil {
				events <- e
			}
		}
	}()
	return events
}

func TestEventsTellWhatHappens(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.health = quickHealth
	r.put(t)
	r.run(t)
	events := r.followEvents(t)
	next := func(kind, subject, text string) {
		t.Helper()
		var e api.Event
		var ok bool
		select {
		case e, ok = <-events:
		case <-time.After(patience):
		}
		if !ok || e.Kind != kind || e.Subject != subject || !strings.Contains(e.Text, text) || e.Time.IsZero() {
			t.Errorf("%+v, want %s %s %q", e, kind, subject, text)
		}
	}
	r.mustReload(t)
	next("reload", r.config, "generation 1 is in force")
	logs := r.logs
	r.logs = "levl: info"
	r.put(t)
	r.reload(t)
	next("reload", r.config, "levl")
	r.logs = logs
	r.put(t)
	r.mustReload(t)
	next("reload", r.config, "in force")
	broker.kill()
	next("node", "brokers/a", "down: ")
	if code, text := askAPI(t, r.overSocket(), "POST", "http://mqttlb/api/v1/stop", ""); code != http.StatusAccepted {
		t.Errorf("%d %s", code, text)
	}
	seen := map[string]bool{}
	for e := range events { // the end of the process ends them
		seen[e.Kind+" "+e.Subject] = true
	}
	if !seen["operator stop"] || !seen["process stopping"] {
		t.Errorf("at the end come %v", seen)
	}
	r.waitFor(t, `"msg":"audit"`, `"who":"socket"`, `"action":"stop"`)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
