package main_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// reloadee is a running mqttlb with an admin socket, whose configuration is made of
// parts that a test can change.
type reloadee struct {
	*balancer
	nodes       string
	admin, logs string // of the sections; ${socket} and ${state} are in a folder of its own
	more        string // sections
	health      string // of the pool; empty: no probes
	dir         string
}

// newReloadee writes the configuration.
func newReloadee(t *testing.T, nodes string) *reloadee {
	t.Helper()
	dir := socketDir(t)
	r := &reloadee{
		balancer: &balancer{config: filepath.Join(dir, "mqttlb.yaml"), addrs: map[string]string{}},
		nodes:    nodes, dir: dir,
		admin: `address: "${admin}", socket: DIR/socket`,
		logs:  "level: info, format: json",
	}
	r.put(t)
	return r
}

// socketDir is a folder whose path is short enough for that of a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lb") //nolint:usetesting // the path of t.TempDir has the name of the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// serveReloadable runs a reloadee and waits until it serves.
func serveReloadable(t *testing.T, nodes string, flags ...string) *reloadee {
	t.Helper()
	r := newReloadee(t, nodes)
	r.run(t, flags...)
	return r
}

func (r *reloadee) run(t *testing.T, flags ...string) {
	t.Helper()
	r.startWith(t, "umask 0", append([]string{"serve", "-c", r.config}, flags...)...)
	r.waitReady(t)
}

// text is what the parts come to.
func (r *reloadee) text() string {
	pool := oneBroker
	if r.health != "" {
		pool = strings.Replace(pool, "{probe: none}", r.health, 1)
	}
	return strings.ReplaceAll(pool+r.nodes+r.more+"\nadmin: {"+r.admin+"}\nlog: {"+r.logs+"}\n", "DIR", r.dir)
}

// put writes the file.
func (r *reloadee) put(t *testing.T) {
	t.Helper()
	r.write(t, "127.0.0.1", r.text())
}

func (r *reloadee) socket() string { return filepath.Join(r.dir, "socket") }

// reload runs mqttlb reload.
func (r *reloadee) reload(t *testing.T, flags ...string) (output string, exitCode int) {
	t.Helper()
	return mqttlb(t, append([]string{"reload", "--socket", r.socket()}, flags...)...)
}

// mustReload is reload that has to succeed.
func (r *reloadee) mustReload(t *testing.T) string {
	t.Helper()
	output, code := r.reload(t)
	if code != 0 {
		t.Fatalf("mqttlb reload: exit code %d\n%s", code, output)
	}
	return output
}

// failed is the metric of a configuration that could not be used.
func (r *reloadee) failed(t *testing.T) float64 {
	t.Helper()
	return r.metrics(t).sum(t, "mqttlb_config_reload_failed")
}

// reloads is how many reloads have ended in one way.
func (r *reloadee) reloads(t *testing.T, result string) float64 {
	t.Helper()
	return r.metrics(t).sum(t, "mqttlb_config_reloads_total", `result="`+result+`"`)
}

// nowhere is a node that refuses.
const nowhere = "      - {name: a, address: \"127.0.0.1:1\"}\n"

func TestReloadsSayWhatHasChanged(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	started := r.metrics(t).sum(t, "mqttlb_config_last_reload_timestamp_seconds")
	if out := r.mustReload(t); !strings.Contains(out, "nothing has changed") {
		t.Errorf("with the same file: %s", out)
	}
	r.logs = "level: debug, format: json"
	r.put(t)
	if out := r.mustReload(t); !strings.Contains(out, "changed") || !strings.Contains(out, "log") || !strings.Contains(out, "generation 2") {
		t.Errorf("with another level: %s", out)
	}
	r.waitFor(t, `"msg":"the configuration has changed"`, "log", `"change":"changed"`)
	r.waitFor(t, `"msg":"audit"`, `"who":"socket"`, `"uid":`, `"pid":`, `"action":"reload"`, `"result":"done"`, "log", `"before":1`, `"after":2`)
	r.logs = "level: info, format: json"
	r.put(t)
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, `"msg":"audit"`, `"who":"SIGHUP"`, `"before":2`, `"after":3`)
	if m := r.metrics(t); m.sum(t, "mqttlb_config_last_reload_timestamp_seconds") <= started || m.sum(t, "mqttlb_config_reloads_total", `result="done"`) != 3 {
		t.Error("the metrics do not have three reloads")
	}

	out, code := r.reload(t, "--json")
	var answer struct {
		Generation int
		Changes    []struct{ Action, Name string }
		Errors     []string
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || answer.Generation != 3 || len(answer.Changes)+len(answer.Errors) > 0 {
		t.Errorf("exit code %d, %v: %s", code, err, out)
	}
}

func TestReloadsAtOnceAreServedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	const reloads = 12
	r := serveReloadable(t, nowhere)
	var running sync.WaitGroup
	for i := range reloads {
		r.logs = []string{"level: info, format: json", "level: debug, format: json"}[i%2]
		r.put(t)
		running.Go(func() {
			// It may find the file half written, and be refused.
			if err := exec.CommandContext(t.Context(), builtBinary(t), "reload", "--socket", r.socket()).Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Error(err)
			}
		})
	}
	running.Wait()
	r.mustReload(t)
	generation := 1
	for _, line := range r.waitForN(t, reloads+1, `"msg":"audit"`) {
		var a struct{ Before, After int }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if a.Before != generation || a.After < a.Before || a.After > a.Before+1 {
			t.Errorf("after generation %d comes %s", generation, line)
		}
		generation = a.After
	}
}

func TestAReloadDuringAStopIsRefused(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newReloadee(t, nodes(broker))
	r.more = "timeouts: {shutdown: 1h}\n"
	r.put(t)
	r.run(t)
	stays := join(t, r.addrs["mqtt"], "", 4, "stays")
	r.signal(t, syscall.SIGTERM)
	r.waitFor(t, `"msg":"stopping"`)
	r.logs = "level: debug, format: json"
	r.put(t)
	if out, code := r.reload(t); code != 1 || !strings.Contains(out, "stopping") {
		t.Errorf("exit code %d, %s", code, out)
	}
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, `"msg":"audit"`, `"who":"SIGHUP"`, `"result":"refused"`)
	if r.failed(t) != 0 {
		t.Error("the metric says that the file is bad, which nobody has read")
	}
	if out, code := mqttlb(t, "check", "-c", r.config, "--diff"); code != 0 || !strings.Contains(out, "log") {
		t.Errorf("a look is no change: exit code %d, %s", code, out)
	}
	if err := stays.ping(); err != nil {
		t.Error(err)
	}
	stays.disconnect(t)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestLevelAndFormatOfTheLogChange(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := serveReloadable(t, nodes(broker))
	session := func(id string) { join(t, r.addrs["mqtt"], "", 4, id).disconnect(t) }
	session("first")
	r.waitFor(t, `"msg":"session"`, `"first"`)

	r.logs = "level: error, format: json"
	r.put(t)
	r.mustReload(t)
	session("unheard")
	eventually(t, "the second session has ended", func() bool {
		return r.metrics(t).sum(t, "mqttlb_outcomes_total") == 2
	})
	r.logs = "level: info, format: text"
	r.put(t)
	r.mustReload(t) // written at any level
	session("third")
	r.waitFor(t, "msg=session", "client_id=third")
	if lines := r.said("unheard"); len(lines) > 0 {
		t.Errorf("at level error: %s", lines)
	}
	if lines := r.said("audit", "action"); len(lines) != 2 {
		t.Errorf("two reloads leave the audit lines %s", lines)
	}
}
