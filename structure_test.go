// Package mqttlb_test holds the repository to its own rules: which folder may
// import which, what must be documented, and which modules it depends on.
package mqttlb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// mayImport is the import graph of docs/design.md: which of our folders the
// code of a folder may import, beside itself. Tests may import anything.
var mayImport = map[string][]string{
	"cmd":       {"config", "proxy", "balancer", "bench"},
	"proxy":     {"mqttparse", "balancer"},
	"balancer":  {"mqttparse"},
	"bench":     {"mqttparse"},
	"mqttparse": {},
	"config":    {},
}

// testSupport are imported by tests alone.
var testSupport = []string{"mqttlb/proxy/proxytest", "mqttlb/balancer/dns/dnstest"}

// maxLines is where a file stops being one noun.
const maxLines = 300

// goPackage is the part of `go list -json` that is needed here.
type goPackage struct {
	ImportPath   string
	Name         string
	Doc          string
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// folder is the top-level folder of a package of ours, "" for any other.
func folder(importPath string) string {
	rest, ours := strings.CutPrefix(importPath, "mqttlb/")
	if !ours {
		return ""
	}
	top, _, _ := strings.Cut(rest, "/")
	return top
}

// list is what `go list` says of the packages of this module.
func list(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr(err))
	}
	var pkgs []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("output of go list: %v", err)
		}
		if len(p.GoFiles) > 0 { // the root has tests only
			pkgs = append(pkgs, p)
		}
	}
	if len(pkgs) < len(mayImport) {
		t.Fatalf("go list found %d packages, the design has %d folders", len(pkgs), len(mayImport))
	}
	return pkgs
}

func stderr(err error) []byte {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.Stderr
	}
	return nil
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range list(t) {
		from := folder(p.ImportPath)
		allowed, known := mayImport[from]
		if !known {
			t.Errorf("%s: %q is not one of the six folders of code", p.ImportPath, from)
		}
		for _, path := range p.Imports {
			if to := folder(path); to != "" && to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s; %s may import %v", p.ImportPath, path, from, allowed)
			}
		}
	}
}

func TestCodeDoesWithoutTestSupport(t *testing.T) {
	found := 0
	for _, p := range list(t) {
		if slices.Contains(testSupport, p.ImportPath) {
			found++
			continue
		}
		for _, path := range append([]string{"testing"}, testSupport...) {
			if slices.Contains(p.Imports, path) {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, path)
			}
		}
	}
	if found != len(testSupport) {
		t.Errorf("%d of %q are there", found, testSupport)
	}
}

// The event loop knows no protocol, and it alone of the proxy's packages knows the kernel.
func TestTheReactorHoldsWhatNeedsTheKernelAndNothingElse(t *testing.T) {
	const reactor, kernel = "mqttlb/proxy/reactor", "golang.org/x/sys/unix"
	for _, p := range list(t) {
		for _, path := range p.Imports {
			switch {
			case p.ImportPath == reactor && (strings.HasPrefix(path, "mqttlb/") || strings.HasPrefix(path, "crypto/") || path == "net/http"):
				t.Errorf("%s imports %s: it has no MQTT, TLS or HTTP", reactor, path)
			case folder(p.ImportPath) == "proxy" && p.ImportPath != reactor && path == kernel:
				t.Errorf("%s imports %s: what needs the kernel is in %s", p.ImportPath, kernel, reactor)
			}
		}
	}
}

// A verdict depends on the client's bytes and the snapshot alone.
func TestTheOpeningIsPure(t *testing.T) {
	const opening = "mqttlb/proxy/opening"
	impure := []string{
		"context", "crypto/rand", "log/slog", "math/rand", "math/rand/v2", "os", "sync", "sync/atomic", "syscall", "golang.org/x/sys/unix",
		"mqttlb/proxy", "mqttlb/proxy/reactor", "mqttlb/proxy/web",
	}
	call := regexp.MustCompile(`(?m)\b(time\.(Now|Since|After|Sleep)|net\.(Dial|Listen))\b|^\s*go `)
	found := false
	for _, p := range list(t) {
		if p.ImportPath != opening && p.ImportPath != "mqttlb/proxy/snapshot" {
			continue
		}
		for _, name := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if at := call.Find(b); at != nil {
				t.Errorf("%s/%s has %q: it does no I/O and has no clock", p.ImportPath, name, at)
			}
		}
		if p.ImportPath != opening {
			continue
		}
		found = true
		for _, path := range impure {
			if slices.Contains(p.Imports, path) {
				t.Errorf("%s imports %s: it does no I/O and has no clock", opening, path)
			}
		}
	}
	if !found {
		t.Errorf("%s is gone", opening)
	}
}

// Loops and goroutines drive a walk, each with its own clock.
func TestTheWalkAndTheRateHaveNoClock(t *testing.T) {
	call := regexp.MustCompile(`\btime\.(Now|Since|Until|After|AfterFunc|Sleep|NewTimer)\b|(?m)^\s*go `)
	found := 0
	for _, p := range list(t) {
		if p.ImportPath != "mqttlb/proxy/walk" && p.ImportPath != "mqttlb/proxy/rate" {
			continue
		}
		found++
		for _, name := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if at := call.Find(b); at != nil {
				t.Errorf("%s/%s has %q: it has no clock", p.ImportPath, name, at)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of the two packages are there", found)
	}
}

func TestEveryFolderOfTheDesignHasCode(t *testing.T) {
	has := map[string]bool{}
	for _, p := range list(t) {
		has[folder(p.ImportPath)] = true
	}
	for name := range mayImport {
		if !has[name] {
			t.Errorf("%s: no package", name)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + filepath.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: the package comment begins %q, want %q...", p.ImportPath, p.Doc, want)
		}
	}
}

func TestPackagesAreNouns(t *testing.T) {
	for _, p := range list(t) {
		for _, part := range strings.Split(p.ImportPath, "/") {
			switch part {
			case "util", "utils", "common", "helper", "helpers", "misc", "base", "lib", "internal", "pkg":
				t.Errorf("%s: %q says nothing", p.ImportPath, part)
			}
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	for _, p := range list(t) {
		for _, name := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("\n")); n > maxLines {
				t.Errorf("%s/%s has %d lines, more than %d: is it one noun?", p.ImportPath, name, n, maxLines)
			}
		}
	}
}

// A word of the machine it was written on makes a file wrong everywhere else.
func TestNoFileNamesTheMachineItWasWrittenOn(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == ".git" || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(here+"/")) {
			t.Errorf("%s names %s", path, here)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryDependencyHasAReason(t *testing.T) {
	imported := map[string]bool{}
	modules := requiredModules(t)
	for _, p := range list(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if m := moduleOf(path, modules); m != "" {
				imported[m] = true
			}
		}
	}

	b, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllSubmatch(b, -1) {
		if len(row[2]) < 20 {
			t.Errorf("docs/dependencies.md: %s has no reason worth the name: %q", row[1], row[2])
		}
		documented[string(row[1])] = true
	}

	for m := range imported {
		if !documented[m] {
			t.Errorf("docs/dependencies.md does not say why we depend on %s", m)
		}
	}
	for m := range documented {
		if !imported[m] {
			t.Errorf("docs/dependencies.md has %s, which nothing imports", m)
		}
	}
}

// requiredModules are the paths of the modules in go.mod.
func requiredModules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatalf("go mod edit: %v\n%s", err, stderr(err))
	}
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, r := range mod.Require {
		paths = append(paths, r.Path)
	}
	return paths
}

// moduleOf is the module that holds a package, "" if it is the standard
// library's or ours.
func moduleOf(importPath string, modules []string) string {
	longest := ""
	for _, m := range modules {
		if (importPath == m || strings.HasPrefix(importPath, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

// `make race` sets EXPECT_RACE, so that a step called race cannot quietly run
// without the detector.
func TestTheRaceDetectorIsOnWhereItIsExpected(t *testing.T) {
	if os.Getenv("EXPECT_RACE") == "" {
		t.Skip("EXPECT_RACE is not set: this is not make race")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("this test has no build information")
	}
	if !slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Error("EXPECT_RACE is set, and this test was built without -race")
	}
}
