package main_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdminAddressesMove(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	old := r.addrs["admin"]
	answers := func() bool {
		http.DefaultClient.CloseIdleConnections() // the server may still answer on one while it closes it
		return r.healthz() != 0
	}
	_, port, err := net.SplitHostPort(old)
	if err != nil {
		t.Fatal(err)
	}
	r.admin = `address: ":` + port + `", public: metrics, socket: DIR/socket` // which cannot be bound beside the old one
	r.put(t)
	r.mustReload(t)
	r.addrs["admin"] = "[::1]:" + port
	if r.healthz() != http.StatusOK {
		t.Error("nobody answers at the address of IPv6")
	}

	r.admin = `address: "` + old + `", socket: DIR/other`
	r.put(t)
	r.mustReload(t) // the answer comes over the socket that goes
	if answers() {
		t.Error("somebody answers at the address that was given up")
	}
	r.addrs["admin"] = old
	if r.healthz() != http.StatusOK {
		t.Error("nobody answers at the new address")
	}
	if _, err := os.Lstat(r.socket()); err == nil {
		t.Error("the old socket is still there")
	}
	if out, code := mqttlb(t, "check", "-c", r.config, "--diff"); code != 0 || !strings.Contains(out, "nothing") {
		t.Errorf("over the new socket, which the file names: exit code %d, %s", code, out)
	}

	r.admin = `address: off, socket: DIR/other`
	r.put(t)
	if out, code := mqttlb(t, "reload", "--socket", filepath.Join(r.dir, "other")); code != 0 {
		t.Errorf("exit code %d, %s", code, out)
	}
	if answers() {
		t.Error("somebody answers at an address that is off")
	}
	r.admin = `address: "` + old + `", socket: off`
	r.put(t)
	if out, code := mqttlb(t, "reload", "--socket", filepath.Join(r.dir, "other")); code != 0 {
		t.Errorf("exit code %d, %s", code, out)
	}
	if r.healthz() != http.StatusOK {
		t.Error("nobody answers at an address that was off")
	}
	if _, err := os.Lstat(filepath.Join(r.dir, "other")); err == nil {
		t.Error("a socket that is off is still there")
	}
}

func TestCheckDiffAsksTheRunningProcess(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	check := func(file string, more ...string) (string, int) {
		t.Helper()
		return mqttlb(t, append([]string{"check", "-c", file, "--diff"}, more...)...)
	}
	if out, code := check(r.config); code != 0 || out != "a reload would change nothing\n" {
		t.Errorf("the same file: exit code %d, %s", code, out)
	}
	other := filepath.Join(r.dir, "other.yaml")
	put := func(text string) {
		t.Helper()
		text = strings.NewReplacer("${mqtt}", r.addrs["mqtt"], "${admin}", r.addrs["admin"]).Replace(text)
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(strings.Replace(r.text(), "level: info", "level: warn", 1))
	if out, code := check(other); code != 0 || !strings.Contains(out, "changed") || !strings.Contains(out, "log") {
		t.Errorf("another level: exit code %d, %s", code, out)
	}
	put(strings.Replace(r.text(), "pool: brokers", "pool: others", 1))
	if out, code := check(other, "--socket", r.socket()); code != 1 || !strings.Contains(out, other+":3:") || !strings.Contains(out, "others") {
		t.Errorf("a bad file: exit code %d, %s", code, out)
	}
	if out, code := check(filepath.Join(r.dir, "none.yaml"), "--socket", r.socket()); code != 1 || !strings.Contains(out, "no such file") {
		t.Errorf("no file: exit code %d, %s", code, out)
	}
	if out, code := check(other); code != 1 || !strings.Contains(out, other+":3:") || !strings.Contains(out, "--socket") {
		t.Errorf("a bad file, which does not say where the socket is: exit code %d, %s", code, out)
	}
	put(strings.Replace(r.text(), "name: mqtt,", "name: renamed,", 1))
	if out, code := check(other); code != 0 || strings.Contains(out, "->") || !strings.Contains(out, "removed  listeners[mqtt]") || !strings.Contains(out, "{name: renamed,") {
		t.Errorf("another name: exit code %d, %s", code, out)
	}
	if lines := r.said("audit"); len(lines) > 0 || r.reloads(t, "done")+r.reloads(t, "refused") > 0 {
		t.Errorf("a look is taken for a change: %s", lines)
	}
}
