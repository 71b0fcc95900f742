package nodeset

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// parseWords makes a node of each word.
func parseWords(data []byte) ([]Node, error) {
	if strings.Contains(string(data), "broken") {
		return nil, errors.New("it is broken")
	}
	var nodes []Node
	for _, word := range strings.Fields(string(data)) {
		nodes = append(nodes, Node{Name: word, Host: word, Port: 1883, Weight: 1})
	}
	return nodes, nil
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fileTest watches a file with these words.
func fileTest(t *testing.T, file string) *Sets {
	return watching(t, nil, Watch{Source: Source{Pool: "emqx", Kind: File, Name: file}, EmptyGrace: time.Minute, Parse: parseWords}, quiet)
}

// The clock is not the real one: a file is read in no time.
const seen = 3 * time.Second

func TestAFileIsWatched(t *testing.T) {
	dir := t.TempDir()
	file, next := filepath.Join(dir, "nodes"), filepath.Join(dir, "next")
	synctest.Test(t, func(t *testing.T) {
		write(t, file, "b a")
		sets := fileTest(t, file)
		synctest.Wait()
		expect(t, sets, "a", "b")

		t.Log("written in place")
		write(t, file, "a b c")
		pass(seen)
		expect(t, sets, "a", "b", "c")

		t.Log("renamed")
		write(t, next, "a c")
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
		pass(seen)
		expect(t, sets, "a", "c")

		t.Log("removed, and back")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		expect(t, sets, "a", "c")
		if s := sets.Status()[0]; !errors.Is(s.Err, os.ErrNotExist) || s.Failures != 1 {
			t.Errorf("the status is %+v", s)
		}
		write(t, file, "a c")
		pass(seen)
		if s := sets.Status()[0]; s.Err != nil || s.Changes != 3 {
			t.Errorf("the status is %+v", s)
		}

		t.Log("broken")
		write(t, file, "a broken")
		pass(time.Hour)
		expect(t, sets, "a", "c")
		if s := sets.Status()[0]; s.Err == nil || s.Failures != 2 {
			t.Errorf("the status is %+v", s)
		}

		t.Log("empty")
		write(t, file, "")
		pass(30 * time.Second)
		expect(t, sets, "a", "c")
		pass(time.Minute)
		expect(t, sets)
	})
}

// A file that is being written is not read before it has stood still.
func TestAFileIsReadWhenItIsWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nodes")
	synctest.Test(t, func(t *testing.T) {
		write(t, file, "a")
		sets := fileTest(t, file)
		synctest.Wait()
		text := ""
		for part := range strings.SplitSeq("b, broken,x c, d, broken,y", ",") {
			text += part
			write(t, file, strings.NewReplacer("brokenx", "x", "brokeny", "y").Replace(text))
			pass(fileInterval * 2 / 5) // no two reads find the same
			expect(t, sets, "a")
		}
		if s := sets.Status()[0]; s.Failures != 0 {
			t.Errorf("a part was read: %v", s.Err)
		}
		pass(seen)
		expect(t, sets, "b", "c", "d", "x", "y")
	})
}

// Kubernetes swaps the link ..data of a ConfigMap, through which the file's own link leads.
func TestAFileBehindLinksIsWatched(t *testing.T) {
	dir := t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "nodes.yaml"), version)
	}
	link("v1", "..data")
	link("..data/nodes.yaml", "nodes.yaml")
	synctest.Test(t, func(t *testing.T) {
		sets := fileTest(t, filepath.Join(dir, "nodes.yaml"))
		synctest.Wait()
		expect(t, sets, "v1")
		link("v2", "..data_tmp")
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		pass(seen)
		expect(t, sets, "v2")
	})
}

func TestAFileIsBounded(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readFile(pipe); err == nil || err.Error() != pipe+" is not a regular file" {
		t.Errorf("a pipe: %v", err)
	}
	write(t, large, strings.Repeat("a", 2*maxFileSize))
	if data, err := readFile(large); err != nil || len(data) != maxFileSize {
		t.Errorf("read %d bytes, %v; want %d", len(data), err, maxFileSize)
	}
}

// After a reload, other settings may make the same file right or wrong.
func TestAFileIsParsedAgainWithOtherSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nodes")
	synctest.Test(t, func(t *testing.T) {
		write(t, file, "a")
		sets := fileTest(t, file)
		synctest.Wait()
		sets.Apply([]Watch{{Source: sets.Status()[0].Source, Parse: func(data []byte) ([]Node, error) {
			nodes, err := parseWords(data)
			return slices.Concat(nodes, []Node{{Name: "z"}}), err
		}}})
		pass(seen)
		expect(t, sets, "a", "z")
	})
}
