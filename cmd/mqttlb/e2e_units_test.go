package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// units copies the unit files of deploy into a folder, with the built command as mqttlb.
func units(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"mqttlb.service", "mqttlb.socket", "mqttlb.service.d/notify-reload.conf"} {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/mqttlb", builtBinary(t))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	t.Parallel()
	analyze := proxytest.Program(t, "systemd-analyze")
	verify := func(t *testing.T, dir string) {
		t.Helper()
		out, err := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, "mqttlb.service"), filepath.Join(dir, "mqttlb.socket")).CombinedOutput()
		if text := strings.TrimSpace(string(out)); err != nil || strings.Contains(text, "mqttlb") {
			t.Errorf("%v: %s", err, text)
		}
	}
	t.Run("notify", func(t *testing.T) {
		dir := units(t)
		if err := os.RemoveAll(filepath.Join(dir, "mqttlb.service.d")); err != nil {
			t.Fatal(err)
		}
		verify(t, dir)
	})
	t.Run("notify-reload", func(t *testing.T) {
		out, err := exec.Command(analyze, "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		var version int
		if _, err := fmt.Sscanf(string(out), "systemd %d", &version); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if version < 253 {
			t.Skipf("Type=notify-reload needs systemd 253, this is %d", version)
		}
		verify(t, units(t))
	})
}

// The unit names commands that exist, and the exit codes after which a restart helps nobody.
func TestTheUnitFitsTheCommand(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile("../../deploy/mqttlb.service")
	if err != nil {
		t.Fatal(err)
	}
	setting := func(name string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindSubmatch(unit)
		if found == nil {
			t.Fatalf("no %s=", name)
		}
		return string(found[1])
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, want := range map[string]int{"ExecStart": 78, "ExecReload": 1} {
		line := strings.NewReplacer("/etc/mqttlb/mqttlb.yaml", none, "/var/lib/mqttlb", none).Replace(setting(name))
		args := strings.Fields(line)[1:]
		if name == "ExecReload" {
			args = append(args, "--socket", none)
		}
		if out, code := mqttlb(t, args...); code != want || !strings.Contains(out, none) {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, want, out)
		}
	}
	if got := setting("RestartPreventExitStatus"); got != "2 78" {
		t.Errorf("RestartPreventExitStatus=%s", got)
	}
}
