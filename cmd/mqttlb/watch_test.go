package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mqttlb/config"
)

func TestAChangeIsNewsOnceItRests(t *testing.T) {
	ok := func(digest string) fingerprint { return fingerprint{digest: digest} }
	gone := fingerprint{digest: "gone", gone: true}
	for _, c := range []struct {
		name  string
		looks []fingerprint
		news  []int // the indexes of the fingerprints that count as changed
	}{
		{"nothing changes", []fingerprint{ok("a"), ok("a"), ok("a")}, nil},
		{"one change", []fingerprint{ok("a"), ok("b"), ok("b"), ok("b")}, []int{2}},
		{"written in parts", []fingerprint{ok("b"), ok("c"), ok("d"), ok("d"), ok("d")}, []int{3}},
		{"changed back before it rests", []fingerprint{ok("b"), ok("a"), ok("a")}, nil},
		{"changed back afterwards", []fingerprint{ok("b"), ok("b"), ok("a"), ok("a"), ok("a")}, []int{1, 3}},
		{"gone for a moment", []fingerprint{ok("a"), gone, gone, gone, gone, ok("a"), ok("a")}, nil},
		{"replaced after a moment", []fingerprint{gone, gone, ok("b"), ok("b"), ok("b")}, []int{3}},
		{"gone", []fingerprint{gone, gone, gone, gone, gone, gone, gone}, []int{4}},
		{"gone and back as it was", []fingerprint{gone, gone, gone, gone, gone, ok("a"), ok("a"), ok("a")}, []int{4, 6}},
		{"gone again and again", []fingerprint{gone, gone, gone, gone, ok("a"), gone, gone, gone, gone, ok("a")}, nil},
	} {
		var w watcher
		var news []int
		tried := "a"
		for i, s := range c.looks {
			if w.changed(s, tried) {
				news = append(news, i)
				tried = s.digest
			}
		}
		if len(news) != len(c.news) {
			t.Errorf("%s: news at looks %v, want %v", c.name, news, c.news)
			continue
		}
		for i := range news {
			if news[i] != c.news[i] {
				t.Errorf("%s: news at looks %v, want %v", c.name, news, c.news)
			}
		}
	}
}

// A command may read a change before the watch does, and the change may then be undone.
func TestNewsIsWhatWasNotReadLast(t *testing.T) {
	var w watcher
	was, other := fingerprint{digest: "a"}, fingerprint{digest: "b"}
	for i, c := range []struct {
		fingerprint
		tried string
		news  bool
	}{{was, "a", false}, {was, "a", false}, {was, "b", true}, {was, "a", false}, {other, "b", false}, {other, "b", false}} {
		if news := w.changed(c.fingerprint, c.tried); news != c.news {
			t.Errorf("look %d: news is %v", i, news)
		}
	}
}

func TestALookSeesContentAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) {
		t.Helper()
		_ = os.Remove(path("..next"))
		if err := os.Symlink(to, path("..next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path("..next"), path("f")); err != nil {
			t.Fatal(err)
		}
	}
	see := func() fingerprint { return (&watchedFiles{files: []string{path("f")}}).fingerprint() }
	put("1", "one")
	put("2", "two")
	put("copy", "one")
	link("1")
	one := see()
	if link("copy"); see() != one {
		t.Error("a link to the same content is a change")
	}
	if link("2"); see().digest == one.digest {
		t.Error("a link to another file is no change")
	}
	if put("2", "one"); see() != one {
		t.Error("the same content at another time is a change")
	}
	if link("nowhere"); !see().gone {
		t.Error("a link that leads nowhere is a file")
	}
	put("g", "one")
	if (&watchedFiles{files: []string{path("1"), path("g")}}).fingerprint().digest == (&watchedFiles{files: []string{path("1")}}).fingerprint().digest {
		t.Error("another file is no change")
	}
}

func TestWatchedAreAllFilesOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"main.yaml", "a.yaml", "conf.d/b.yaml", "conf.d/.hidden.yaml", "other.yaml"} {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := &config.Config{
		Files:   []string{path("main.yaml"), path("a.yaml"), path("conf.d/b.yaml")},
		Include: []string{"a.yaml", "conf.d/*.yaml"},
	}
	for _, c := range []struct {
		name    string
		watched *watchedFiles
		want    []string
	}{
		{"all good", newWatchedFiles(path("main.yaml"), cfg, nil), []string{"main.yaml", "a.yaml", "conf.d/b.yaml"}},
		{"one with a fault", newWatchedFiles(path("main.yaml"), cfg, faults{{file: path("other.yaml")}, {file: path("a.yaml")}, {line: "x"}}),
			[]string{"main.yaml", "a.yaml", "conf.d/b.yaml", "other.yaml"}},
		{"the kept one is in force", newWatchedFiles(path("other.yaml"), cfg, nil), []string{"other.yaml"}},
	} {
		for i, name := range c.want {
			c.want[i] = path(name)
		}
		if got := c.watched.list(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	w := newWatchedFiles(path("main.yaml"), cfg, nil)
	before := w.fingerprint()
	if err := os.WriteFile(path("conf.d/c.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if w.fingerprint() == before {
		t.Error("a file that has come to fit a pattern is no news")
	}
}
