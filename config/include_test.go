package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestIncludedFilesSayWhatIsWrongInThem(t *testing.T) {
	setVariables(t)
	for _, name := range []string{"broken", "conflicts", "nested", "patterns"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(filepath.Join("testdata/include", name))
			c, err := Load("mqttlb.yaml")
			if err == nil || c != nil {
				t.Fatalf("got %v, %v; want nothing and an error", c, err)
			}
			golden(t, "mqttlb.err", err.Error()+"\n")
		})
	}
}

func TestIncludedFilesAddToTheMainOne(t *testing.T) {
	setVariables(t)
	got, err := Load("testdata/include/right/mqttlb.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, `
listeners:
  - {name: mqtt, address: ":1883", pool: emqx}
  - {name: tenant, address: ":1884", pool: tenant}
pools:
  - {name: emqx, health: {probe: mqtt, interval: 7s, fall: 2}, nodes: [{name: emqx-1, address: "node1:1883"}]}
  - {name: tenant, nodes: [{name: emqx-1, address: "node1:1884"}]}
limits: {connect_rate: 77}
log: {level: warn, format: json}
`)
	want.Include = []string{"conf.d/*.yaml", "conf.d/limits.yml", "none/*.yaml"}
	if !equal(got, want) {
		t.Errorf("got:\n%+v\nwant:\n%+v", got, want)
	}
	files := "testdata/include/right/mqttlb.yaml testdata/include/right/conf.d/10-off.yaml " +
		"testdata/include/right/conf.d/20-tenant.yaml testdata/include/right/conf.d/limits.yml"
	if s := strings.Join(got.Files, " "); s != files {
		t.Errorf("read %s, want %s", s, files)
	}
}

// folder writes files, by name, into a new folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const minimal = `
listeners: [{name: a, address: ":1", pool: p}]
pools: [{name: p, nodes: [{name: n, address: "h:1"}]}]
`

func TestIncludedFilesAreFoundFromTheFolderOfTheMainOne(t *testing.T) {
	// The name of a folder may look like a pattern.
	dir := folder(t, map[string]string{`a[b]*\c/main.yaml`: "include: '*/x.yaml'" + minimal, `a[b]*\c/d/x.yaml`: "log: {level: error}", "d/x.yaml": "log: {level: debug}"})
	main := filepath.Join(dir, `a[b]*\c`, "main.yaml")
	c, err := Load(main)
	if err != nil || c.Log.Level != LevelError || len(c.Files) != 2 {
		t.Fatalf("got %+v, %v", c, err)
	}
	t.Chdir(dir)
	c, err = Read("<stdin>", strings.NewReader("include: d/*.yaml"+minimal))
	if err != nil || c.Log.Level != LevelDebug || c.Files[1] != "d/x.yaml" {
		t.Errorf("got %+v, %v", c, err)
	}
	c, err = Parse("main.yaml", []byte("include: "+dir+"/d/x.yaml"+minimal))
	if err != nil || c.Log.Level != LevelDebug {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestHiddenFilesFitOnlyPatternsThatSayTheDot(t *testing.T) {
	dir := folder(t, map[string]string{"..data/a.yaml": "log: {level: error}", "b/.a.yaml": "{"})
	if err := os.Symlink("nobody@host", filepath.Join(dir, "b", ".#c.yaml")); err != nil { // an editor's lock file
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "main.yaml"), []byte("include: ['*/*.yaml', '..*/a.yaml']"+minimal))
	if err != nil || c.Log.Level != LevelError || len(c.Files) != 2 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestAFileUnderTwoNamesIsOneFile(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": "log: {level: error}"})
	if err := os.Symlink("a.yaml", filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(dir, "main")
	_, err := Parse(main, []byte("include: '*.yaml'"+minimal))
	if want := main + ":1:10: include: " + dir + "/b.yaml has been read already; a file is read once"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhatIsNoFileIsNotIncluded(t *testing.T) {
	dir := folder(t, map[string]string{"a/locked.yaml": "", "b/odd\n.yaml": ""})
	fifo, locked := filepath.Join(dir, "fifo"), filepath.Join(dir, "a")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(locked, 0o700) })
	for pattern, want := range map[string]string{
		"fifo":              fifo + " is not a regular file",
		"fi*":               fifo + " is not a regular file",
		"/dev/null":         "/dev/null is not a regular file",
		"a":                 locked + " is a directory; include the files in it, as " + locked + "/*.yaml",
		"fifo/x.yaml":       "cannot open " + fifo + "/x.yaml: not a directory",
		"b/*":               `"` + dir + `/b/odd\n.yaml" has a control character`,
		"a/*.yaml":          "cannot list " + locked + ": permission denied",
		"a/locked.yaml":     "cannot open " + locked + "/locked.yaml: permission denied",
		"a/[l]*/../../fifo": fifo + " is not a regular file",
	} {
		if os.Geteuid() == 0 && strings.Contains(want, "permission") {
			continue // root may list it
		}
		_, err := Parse(filepath.Join(dir, "main"), []byte("include: "+pattern+minimal))
		if want := filepath.Join(dir, "main") + ":1:10: include: " + want; err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

func TestIncludedFilesAreBoundedTogether(t *testing.T) {
	files := map[string]string{}
	for i := range 3 {
		files[string(rune('a'+i))+".yaml"] = strings.Repeat("#", maxFileSize/3) + "\n"
	}
	dir := folder(t, files)
	main := filepath.Join(dir, "main")
	_, err := Parse(main, []byte("include: '*.yaml'"+minimal))
	if want := "include: the configuration is larger than 2MiB with " + dir + "/c.yaml; that is the most for all files together"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}

	files = map[string]string{}
	for i := range maxIncluded + 1 {
		files["n/"+strings.Repeat("x", i%100)+string(rune('a'+i/100))] = ""
	}
	dir = folder(t, files)
	_, err = Parse(filepath.Join(dir, "main"), []byte("include: n/*"+minimal))
	if want := " is one file too many; a configuration includes at most 1000"; err == nil || !strings.HasSuffix(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
		t.Errorf("got %v, want %s", err, want)
	}

	// Values are counted across all files.
	many := "pools: [{name: %s, nodes: [&n {name: n, address: h:1}" + strings.Repeat(", *n", maxValues/6) + "]}]"
	dir = folder(t, map[string]string{"a.yaml": fmt.Sprintf(many, "a"), "b.yaml": fmt.Sprintf(many, "b")})
	_, err = Parse(filepath.Join(dir, "main"), []byte("include: '*.yaml'"+minimal))
	if err == nil || !strings.Contains(err.Error(), "b.yaml:1:") || !strings.HasSuffix(err.Error(), "is one value too many; a configuration has at most 200000, counted again through each alias and each merge") {
		t.Errorf("got %.300v", err)
	}
}
