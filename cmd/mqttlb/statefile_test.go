package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttlb/proxy"
	"mqttlb/proxy/admin/api"
)

// withState is twoPools with a state file in dir.
func withState(path string) string { return twoPools + "admin: {state_file: " + path + "}\n" }

func TestSettingsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "state.json") // the folder is made
	c := startRig(t, withState(path))
	nine := 9
	c.must(t, "n1", "drain", api.NodeChange{Pace: "300/m"})
	c.must(t, "n2", "drain", api.NodeChange{Within: "10m"})
	c.must(t, "n3", "disable", api.NodeChange{})
	c.must(t, "n3", "weight", api.NodeChange{Weight: &nine})
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	before := c.nodes()

	// n2 is in no pool of the file that the next process starts with.
	c = startRig(t, strings.ReplaceAll(withState(path), "n2", "n4"))
	for i, name := range []string{"n1", "n4", "n3", "n2"} {
		got := c.nodes().Nodes[i]
		if got.Name != name {
			t.Fatalf("node %d is %s", i, got.Name)
		}
		for _, was := range before.Nodes {
			if was.Name == name && (was.Operator.State != got.Operator.State || was.Operator.Weight != got.Operator.Weight || !was.Operator.Since.Equal(*got.Operator.Since)) {
				t.Errorf("%+v was %+v", got.Operator, was.Operator)
			}
		}
	}
	if w := c.node("n3").Pools[0]; w.Weight != 9 || w.State != "down" {
		t.Errorf("%+v", w)
	}
	if p := c.all; p["n1"] != (proxy.Pace{PerSecond: 5}) || p["n3"] != (proxy.Pace{PerSecond: 20}) || p["n2"].Within > 10*time.Minute || p["n2"].Within < 5*time.Minute || len(p) != 3 {
		t.Errorf("the paces are %v", p)
	}
	c.must(t, "n1", "undrain", api.NodeChange{}) // keeps the others, also that of n2

	c = startRig(t, withState(path))
	if n1, n2 := c.node("n1"), c.node("n2"); n1.Operator.State != api.Enabled || n1.Operator.Since == nil || n2.Pools[0].State != "draining" {
		t.Errorf("%+v, %+v", n1, n2)
	}
}

// A process whose state file cannot be used serves clients. Its first change keeps the file for the
// operator.
func TestBrokenStateFileIsNoReasonNotToServe(t *testing.T) {
	for text, says := range map[string]string{
		"":                            "is not a state file of mqttlb",
		"{":                           "is not a state file of mqttlb",
		`{"version": 1, "nodes": {}`:  "is not a state file of mqttlb",
		`{"version": 1, "node": {}}`:  "unknown field",
		`{"version": 2, "nodes": {}}`: "has version 2; this mqttlb reads version 1",
		`{"nodes": {}}`:               "has version 0",
		`{"version": 1, "nodes": []}`: "is not a state file of mqttlb",
		strings.Repeat(" ", 1<<20+1):  "has more than 1048576 bytes",
		stateOf(`"state": "gone"`):    `node "n1": state: "gone" is none of enabled, draining and disabled`,
		stateOf(`"state": "enabled", "weight": 257`):                                     "weight: 257 is not from 0 to 256",
		stateOf(`"state": "draining", "per_second": -1`):                                 "per_second: -1",
		stateOf(`"state": "enabled", "per_second": 1`):                                   "it is enabled, and its sessions leave",
		stateOf(`"state": "draining", "until": "2999-01-01T00:00:00Z"`):                  "away",
		stateOf(`"state": "draining", "per_second": 1, "until": "2020-01-01T00:00:00Z"`): "both set",
		stateOf(`"state": "draining", "until": "tomorrow"`):                              "is not a state file of mqttlb",
	} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := startRig(t, withState(path))
		if said := c.said(t); !strings.Contains(said, "level=ERROR") || !strings.Contains(said, path) || !strings.Contains(strings.ReplaceAll(said, `\"`, `"`), says) {
			t.Errorf("%.80s: the log says %s", text, said)
		}
		if n := c.node("n1"); n.Operator.State != api.Enabled || len(c.all) > 0 {
			t.Errorf("%.80s: %+v", text, n)
		}
		if n := c.must(t, "n2", "drain", api.NodeChange{}); len(n.Warnings) > 0 {
			t.Errorf("%.80s: %v", text, n.Warnings)
		}
		if kept, err := os.ReadFile(path + ".broken"); err != nil || string(kept) != text {
			t.Errorf("%.80s: kept as %.80s, %v", text, kept, err)
		}
		if o, err := readStateFile(path); err != nil || o.of("n2").State != api.Draining {
			t.Errorf("%.80s: %v, %v", text, o, err)
		}
	}
}

// stateOf is a state file with the settings of n1.
func stateOf(fields string) string {
	return fmt.Sprintf(`{"version": 1, "nodes": {"n1": {"since": "2026-01-01T00:00:00Z", %s}}}`, fields)
}

func TestStateFileOfAPersonIsRead(t *testing.T) {
	o, err := parseState([]byte(stateOf(`"state": "disabled"`)))
	if s := o.of("n1"); err != nil || s.State != api.Disabled || s.PerSecond != defaultDrainRate {
		t.Errorf("%+v, %v", s, err)
	}
	o, err = parseState([]byte(stateOf(`"state": "draining", "until": "2020-01-01T00:00:00Z"`)))
	if p := o.of("n1").pace(time.Now()); err != nil || p.Within != minWithin {
		t.Errorf("a time that is over: %v, %v", p, err)
	}
}

func TestStateFileThatCannotBeWrittenIsAWarning(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	if err := os.Mkdir(path, 0o700); err != nil { // a folder in its place, which cannot be replaced by a file
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".broken", 0o700); err != nil { // nor renamed
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path+".broken", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := startRig(t, withState(path))
	if said := c.said(t); !strings.Contains(said, "is not a regular file") {
		t.Errorf("the log says %s", said)
	}
	n := c.must(t, "n1", "drain", api.NodeChange{})
	if n.Operator.State != api.Draining || len(n.Warnings) != 1 || !strings.Contains(n.Warnings[0], "admin.state_file "+path) {
		t.Errorf("%+v", n)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// As root it could be a device such as /dev/null.
func TestWhatIsNoFileIsNeitherRenamedNorReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	c := startRig(t, withState(path))
	if n := c.must(t, "n1", "drain", api.NodeChange{}); len(n.Warnings) != 1 || !strings.Contains(n.Warnings[0], "is not a regular file") {
		t.Errorf("%+v", n)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeNamedPipe {
		t.Errorf("%v, %v", info, err)
	}
}

// A file for the settings that comes with a reload is written with it.
func TestStateFileCanBeSetByAReload(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "f.yaml"), filepath.Join(dir, "state.json")
	c := startRig(t, twoPools)
	none := ""
	c.file = file
	c.lastRead.Store(&none)
	c.must(t, "n1", "drain", api.NodeChange{})
	if err := os.WriteFile(file, []byte(withState(state)), 0o600); err != nil {
		t.Fatal(err)
	}
	var result reloadResult
	reload := func() {
		if err := c.do(t.Context(), func(serving context.Context) { result = c.reload(serving, bySignal) }); err != nil {
			t.Fatal(err)
		}
	}
	reload()
	if o, err := readStateFile(state); err != nil || len(result.Errors)+len(result.Warnings) > 0 || o.of("n1").State != api.Draining {
		t.Errorf("%v, %v; %+v", o, err, result)
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	reload()
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("a reload without a change writes it: %v", err)
	}
	if err := os.WriteFile(file, []byte(withState(filepath.Join(file, "state.json"))), 0o600); err != nil {
		t.Fatal(err)
	}
	reload()
	if len(result.Errors) > 0 || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "admin.state_file") {
		t.Errorf("a path that cannot be: %+v", result)
	}
}
