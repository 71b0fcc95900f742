package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mqttlb/config"
)

// newKept returns a reloadee that was started and stopped, so that its state directory
// holds the last good configuration.
func newKept(t *testing.T, nodes string) *reloadee {
	t.Helper()
	r := newReloadee(t, nodes)
	r.admin += ", state_dir: DIR/state"
	r.put(t)
	r.run(t)
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	return r
}

func (r *reloadee) state() string { return filepath.Join(r.dir, "state") }
func (r *reloadee) kept() string  { return filepath.Join(r.state(), "last-good.yaml") }

func TestTheLastGoodConfigurationIsKept(t *testing.T) {
	t.Parallel()
	r := newKept(t, nowhere)
	same := func(when string) {
		t.Helper()
		info, err := os.Stat(r.kept())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		want, err := config.Load(r.config)
		if err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(r.kept())
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		want.Include, got.Include = nil, nil // the last good configuration is one file
		if differs := config.Diff(want, got); len(differs) > 0 || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, kept is another configuration: %v", when, info.Mode(), differs)
		}
	}
	same("after a start")
	r.run(t)
	r.logs = "level: debug, format: json"
	r.put(t)
	r.mustReload(t)
	same("after a reload")
	if names, err := filepath.Glob(filepath.Join(r.state(), "*")); err != nil || len(names) != 1 {
		t.Errorf("the folder has %s", names)
	}

	// A folder that cannot be made causes a warning only: the configuration is in force.
	r.admin = strings.Replace(r.admin, "DIR/state", "DIR/mqttlb.yaml/state", 1)
	r.put(t)
	if out, code := r.reload(t); code != 0 || !strings.Contains(out, "could not be kept") {
		t.Errorf("exit code %d, %s", code, out)
	}
}

func TestAStartWithABrokenFileFallsBack(t *testing.T) {
	t.Parallel()
	broker := startMosquitto(t, "a")
	r := newKept(t, nodes(broker))
	good := r.logs
	r.logs = "levl: info, fromat: json"
	r.put(t)

	out, code := mqttlb(t, "serve", "-c", r.config, "--state-dir", r.state())
	for _, part := range []string{"levl", "fromat", "last good configuration", r.kept(), "--fallback", "--state-dir " + r.state()} {
		if code != 78 || !strings.Contains(out, part) {
			t.Errorf("without --fallback: exit code %d, without %q: %s", code, part, out)
		}
	}

	r.run(t, "--fallback", "--state-dir", r.state())
	r.waitFor(t, `"level":"ERROR"`, "levl")
	r.waitFor(t, `"level":"ERROR"`, "fromat")
	r.waitFor(t, `"level":"ERROR"`, "serves with the last good one", r.config)
	if r.failed(t) != 1 {
		t.Error("the metric does not show that the file is broken")
	}
	stays := join(t, r.addrs["mqtt"], "", 4, "stays")
	if out, code := r.reload(t); code != 1 || !strings.Contains(out, "levl") {
		t.Errorf("a reload of the broken file: exit code %d, %s", code, out)
	}
	r.logs = good
	r.put(t)
	r.mustReload(t)
	if r.failed(t) != 0 {
		t.Error("the metric shows a failure that is over")
	}
	if err := stays.ping(); err != nil {
		t.Error(err)
	}
}

// admin.state_dir counts where the file itself can be read.
func TestAStartWithoutACertificateFallsBack(t *testing.T) {
	t.Parallel()
	r := newKept(t, nowhere)
	r.more = strings.ReplaceAll("    tls: {ca: DIR/none.pem}\n", "DIR", r.dir)
	r.put(t)
	if out, code := mqttlb(t, "serve", "-c", r.config); code != 78 || !strings.Contains(out, "none.pem") || !strings.Contains(out, "--fallback") {
		t.Errorf("without --fallback: exit code %d, %s", code, out)
	}
	r.run(t, "--fallback")
	r.waitFor(t, `"level":"ERROR"`, "none.pem")
}

func TestAFallbackThatCannotBeSaysWhy(t *testing.T) {
	t.Parallel()
	r := newKept(t, nowhere)
	r.logs = "levl: info"
	r.put(t)
	empty := filepath.Join(r.dir, "empty")
	broken := filepath.Join(r.dir, "broken")
	pipe := filepath.Join(r.dir, "pipe")
	for _, dir := range []string{empty, broken, pipe} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(broken, "last-good.yaml"), []byte("lisstners: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(pipe, "last-good.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags []string
		says  []string
		not   string
	}{
		{[]string{"--fallback"}, []string{"levl", "--state-dir"}, ""},
		{[]string{"--fallback", "--state-dir", empty}, []string{"levl", empty + "/last-good.yaml does not exist"}, ""},
		{[]string{"--fallback", "--state-dir", r.config}, []string{"levl", "not a directory"}, ""},
		{[]string{"--fallback", "--state-dir", broken}, []string{"levl", "lisstners", broken, "broken, too"}, ""},
		{[]string{"--fallback", "--state-dir", pipe}, []string{"levl", "not a regular file"}, ""},
		{[]string{"--state-dir", empty}, []string{"levl"}, "--fallback"},
		{nil, []string{"levl"}, "--fallback"},
	} {
		out, code := mqttlb(t, append([]string{"serve", "-c", r.config}, c.flags...)...)
		for _, part := range c.says {
			if code != 78 || !strings.Contains(out, part) {
				t.Errorf("%s: exit code %d, without %q: %s", c.flags, code, part, out)
			}
		}
		if c.not != "" && strings.Contains(out, c.not) {
			t.Errorf("%s: says %q: %s", c.flags, c.not, out)
		}
	}
	for _, flag := range []string{"--fallback", "--state-dir=" + empty, "--watch"} {
		if out, code := mqttlb(t, "serve", "--listen", "127.0.0.1:0", "--node", "a:1", flag); code != 2 || !strings.Contains(out, "-c") {
			t.Errorf("%s without a file: exit code %d, %s", flag, code, out)
		}
	}
}
