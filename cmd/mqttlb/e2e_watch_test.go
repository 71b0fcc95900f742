package main_test

import (
	"os"
	"path/filepath"
	"testing"
)

// swapIn replaces the file of a reloadee as editors and installers do: it writes another
// file and renames it.
func (r *reloadee) swapIn(t *testing.T) {
	t.Helper()
	path := r.config
	r.config += ".new"
	r.put(t)
	if err := os.Rename(r.config, path); err != nil {
		t.Fatal(err)
	}
	r.config = path
}

func TestWatchTakesWhatIsWritten(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere, "--watch")
	byFile := func(n int) { t.Helper(); r.waitForN(t, n, `"msg":"audit"`, `"who":"file"`, `"result":"done"`) }
	r.logs = "level: debug, format: json"
	r.put(t)
	byFile(1)
	r.logs = "level: info, format: json"
	r.swapIn(t)
	byFile(2)

	// A file that a command has read causes no further reload; a later change does.
	r.logs = "level: debug, format: json"
	r.put(t)
	r.mustReload(t)
	r.logs = "level: info, format: json"
	r.put(t)
	byFile(3)
	if n := r.reloads(t, "done"); n != 4 && n != 5 { // the watch may have read the files only once
		t.Errorf("%v reloads of four changes", n)
	}
}

// Kubernetes mounts a file as a link into ..data. That is a link, too, which Kubernetes
// swaps.
func TestWatchFollowsLinks(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	mount := filepath.Join(r.dir, "mount")
	link := func(to, name string) {
		t.Helper()
		next := filepath.Join(mount, "..next")
		if err := os.Symlink(to, next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(mount, name)); err != nil {
			t.Fatal(err)
		}
	}
	version := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(mount, name), 0o700); err != nil {
			t.Fatal(err)
		}
		r.config = filepath.Join(mount, name, "mqttlb.yaml")
		r.put(t)
		link(name, "..data")
		r.config = filepath.Join(mount, "mqttlb.yaml")
	}
	version("..1")
	link("..data/mqttlb.yaml", "mqttlb.yaml")
	r.run(t, "--watch")
	for i, level := range []string{"debug", "info", "debug"} {
		r.logs = "level: " + level + ", format: json"
		version([]string{"..2", "..3", "..4"}[i])
		r.waitForN(t, i+1, `"msg":"audit"`, `"who":"file"`, `"result":"done"`, "log")
	}
}

func TestWatchSaysOnceWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere, "--watch")
	done := func(n int) { t.Helper(); r.waitForN(t, n, `"msg":"audit"`, `"who":"file"`, `"result":"done"`) }
	refused := func(n int) { t.Helper(); r.waitForN(t, n, `"msg":"audit"`, `"who":"file"`, `"result":"refused"`) }

	r.logs = "levl: info, format: json"
	r.put(t)
	refused(1)
	if r.failed(t) != 1 {
		t.Error("the metric does not show a bad file")
	}
	r.more = "# the same fault in another file\n"
	r.put(t)
	r.logs = "levl: debug, format: json"
	r.put(t)
	if err := os.Remove(r.config); err != nil {
		t.Fatal(err)
	}
	refused(2)
	r.logs = "level: info, format: json"
	r.put(t)
	done(1)
	if r.failed(t) != 0 {
		t.Error("the metric shows a failure that is over")
	}
	for _, fault := range []string{"levl", "no such file"} {
		if lines := r.said(`"level":"ERROR"`, fault); len(lines) != 1 {
			t.Errorf("%d lines say %q: %s", len(lines), fault, lines)
		}
	}
}

func TestWatchTakesIncludedFiles(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	r.more = "include: conf.d/*.yaml\n"
	r.put(t)
	included := func(name, text string) {
		t.Helper()
		path := filepath.Join(r.dir, "conf.d", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	r.run(t, "--watch")
	refused := func(n int, part string) {
		t.Helper()
		r.waitFor(t, `"level":"ERROR"`, part)
		r.waitForN(t, n, `"msg":"audit"`, `"who":"file"`, `"result":"refused"`)
	}
	included("a.yaml", "tmeouts: {}\n") // a new file that matches the pattern
	refused(1, filepath.Join(r.dir, "conf.d/a.yaml")+":1:1:")
	included("a.yaml", "tiimeouts: {}\n") // still broken
	refused(2, "tiimeouts")
	included("a.yaml", "# nothing yet\n")
	r.waitFor(t, `"msg":"audit"`, `"who":"file"`, `"result":"done"`)
	if r.failed(t) != 0 {
		t.Error("the metric shows a failure that is over")
	}
}
