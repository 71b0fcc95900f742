package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mqttlb/config"
)

func TestAChangeIsNewsOnceItRests(t *testing.T) {
	ok := func(digest string) sight { return sight{digest: digest} }
	gone := sight{digest: "gone", gone: true}
	for _, c := range []struct {
		name  string
		looks []sight
		news  []int // which of the looks are
	}{
		{"nothing changes", []sight{ok("a"), ok("a"), ok("a")}, nil},
		{"one change", []sight{ok("a"), ok("b"), ok("b"), ok("b")}, []int{2}},
		{"written in parts", []sight{ok("b"), ok("c"), ok("d"), ok("d"), ok("d")}, []int{3}},
		{"changed back before it rests", []sight{ok("b"), ok("a"), ok("a")}, nil},
		{"changed back afterwards", []sight{ok("b"), ok("b"), ok("a"), ok("a"), ok("a")}, []int{1, 3}},
		{"gone for a moment", []sight{ok("a"), gone, gone, gone, gone, ok("a"), ok("a")}, nil},
		{"replaced after a moment", []sight{gone, gone, ok("b"), ok("b"), ok("b")}, []int{3}},
		{"gone", []sight{gone, gone, gone, gone, gone, gone, gone}, []int{4}},
		{"gone and back as it was", []sight{gone, gone, gone, gone, gone, ok("a"), ok("a"), ok("a")}, []int{4, 6}},
		{"gone again and again", []sight{gone, gone, gone, gone, ok("a"), gone, gone, gone, gone, ok("a")}, nil},
	} {
		var w watcher
		var news []int
		tried := "a"
		for i, s := range c.looks {
			if w.see(s, tried) {
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

// A command may read what the watch has not seen yet, and the file may then be what
// it was before.
func TestNewsIsWhatWasNotReadLast(t *testing.T) {
	var w watcher
	was, other := sight{digest: "a"}, sight{digest: "b"}
	for i, c := range []struct {
		sight
		tried string
		news  bool
	}{{was, "a", false}, {was, "a", false}, {was, "b", true}, {was, "a", false}, {other, "b", false}, {other, "b", false}} {
		if news := w.see(c.sight, c.tried); news != c.news {
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
	see := func() sight { return (&watched{files: []string{path("f")}}).look() }
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
	if (&watched{files: []string{path("1"), path("g")}}).look().digest == (&watched{files: []string{path("1")}}).look().digest {
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
		watched *watched
		want    []string
	}{
		{"all good", watchedOf(path("main.yaml"), cfg, nil), []string{"main.yaml", "a.yaml", "conf.d/b.yaml"}},
		{"one with a fault", watchedOf(path("main.yaml"), cfg, faults{{file: path("other.yaml")}, {file: path("a.yaml")}, {line: "x"}}),
			[]string{"main.yaml", "a.yaml", "conf.d/b.yaml", "other.yaml"}},
		{"the kept one is in force", watchedOf(path("other.yaml"), cfg, nil), []string{"other.yaml"}},
	} {
		for i, name := range c.want {
			c.want[i] = path(name)
		}
		if got := c.watched.list(); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	w := watchedOf(path("main.yaml"), cfg, nil)
	before := w.look()
	if err := os.WriteFile(path("conf.d/c.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if w.look() == before {
		t.Error("a file that has come to fit a pattern is no news")
	}
}
