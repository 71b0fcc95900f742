package main_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestTheAdminSocketIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere) // with umask 0
	info, err := os.Lstat(r.socket())
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if os.Getuid() == 0 {
		const nobody = 65534
		if err := os.Chmod(r.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		binary := filepath.Join(r.dir, "mqttlb")
		if out, err := exec.Command("cp", builtBinary(t), binary).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cmd := exec.Command(binary, "reload", "--socket", r.socket())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "only the user of the running mqttlb, and root") || len(r.said("audit")) > 0 {
			t.Errorf("another user: exit code %d, %s", cmd.ProcessState.ExitCode(), out)
		}
	}
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(r.socket()); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestAdminSocketsOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	start := func() (string, int) {
		t.Helper()
		second := newReloadee(t, nowhere)
		second.admin = "address: off, socket: " + r.socket()
		second.put(t)
		return mqttlb(t, "serve", "-c", second.config)
	}
	if out, code := start(); code != 1 || !strings.Contains(out, "admin.socket: unix:"+r.socket()) || !strings.Contains(out, "address already in use") {
		t.Errorf("the socket of a process that lives: exit code %d, %s", code, out)
	}
	r.mustReload(t)

	// Another process has replaced the socket's file: that file stays.
	if err := os.Remove(r.socket()); err != nil {
		t.Fatal(err)
	}
	theirs, err := net.Listen("unix", r.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	r.signal(t, syscall.SIGTERM)
	if code := r.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(r.socket()); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	}
	theirs.Close()

	if err := os.WriteFile(r.socket(), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := start(); code != 1 || !strings.Contains(out, "admin.socket") {
		t.Errorf("a file: exit code %d, %s", code, out)
	}
	if text, err := os.ReadFile(r.socket()); err != nil || string(text) != "text" {
		t.Errorf("a file was replaced: %q, %v", text, err)
	}
	if err := os.Remove(r.socket()); err != nil {
		t.Fatal(err)
	}
	left, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: r.socket()})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false) // the file stays, as after kill -9
	left.Close()
	r.run(t)
	r.mustReload(t)
}

// The default path is in the runtime directory. A process that cannot bind it still serves.
func TestTheUsualAdminSocketGoesToTheFirst(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	start := func(folder string) *reloadee {
		t.Helper()
		r := newReloadee(t, nowhere)
		r.admin = `address: "${admin}"`
		r.put(t)
		r.startWith(t, "export XDG_RUNTIME_DIR="+folder, "serve", "-c", r.config)
		r.waitReady(t)
		return r
	}
	first := start(dir)
	path := filepath.Join(dir, "mqttlb.sock")
	first.waitFor(t, "admin.socket", path)
	second := start(dir)
	second.waitFor(t, `"level":"WARN"`, "there is no admin socket", path, "address already in use")
	start(dir+"/none").waitFor(t, `"level":"WARN"`, "there is no admin socket", "no such file")

	ask := func(args ...string) (string, int) {
		t.Helper()
		cmd := exec.Command(builtBinary(t), args...)
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := ask("reload"); code != 0 {
		t.Errorf("exit code %d, %s", code, out)
	}
	first.waitFor(t, `"msg":"audit"`)
	if len(second.said("audit")) > 0 {
		t.Error("the second was asked")
	}
	first.signal(t, syscall.SIGTERM)
	first.exitCode(t)
	second.signal(t, syscall.SIGHUP) // the path is free now
	second.waitFor(t, `"msg":"audit"`, `"result":"done"`)
	if out, code := ask("reload"); code != 0 {
		t.Errorf("the second: exit code %d, %s", code, out)
	}
	second.waitFor(t, `"msg":"audit"`, `"who":"socket"`)
}

func TestAFolderThatAllCanWriteToIsWarnedOf(t *testing.T) {
	t.Parallel()
	r := newReloadee(t, nowhere)
	if err := os.Chmod(r.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r.run(t)
	r.waitFor(t, `"level":"WARN"`, "anybody can replace the admin socket", r.socket())
}

func TestNobodyAtTheAdminSocket(t *testing.T) {
	t.Parallel()
	dir := socketDir(t)
	none, file, left := filepath.Join(dir, "none"), filepath.Join(dir, "file"), filepath.Join(dir, "left")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: left})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	for _, path := range []string{none, file, left} {
		for _, args := range [][]string{{"reload", "--socket", path}, {"check", "-c", file, "--diff", "--socket", path}} {
			out, code := mqttlb(t, args...)
			for _, part := range []string{path, "is it running", "--socket", "admin.socket"} {
				if code != 1 || !strings.Contains(out, part) {
					t.Errorf("mqttlb %s: exit code %d, without %q: %s", args, code, part, out)
				}
			}
		}
	}
	for _, args := range [][]string{{"reload", "now"}, {"reload", "--sock", none}, {"serve", "--watch", "--listen", ":0", "--node", "a:1"}} {
		if out, code := mqttlb(t, args...); code != 2 {
			t.Errorf("mqttlb %s: exit code %d, %s", args, code, out)
		}
	}
}

// Stuck clients, more than are served at a time, do not delay a signal. They delay
// another client only until their timeout.
func TestStuckClientsOfTheAdminSocketHoldNothing(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	for i := range 32 {
		c, err := net.DialTimeout("unix", r.socket(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		switch i % 4 {
		case 1:
			fmt.Fprint(c, "POST /api/v1/reload HTTP/1.1\r\n")
		case 2:
			fmt.Fprint(c, "POST /api/v1/diff HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
		case 3:
			fmt.Fprint(c, "GET /api/v1/config HTTP/1.1\r\nHost: x\r\n\r\n") // never reads the answer
		}
	}
	began := time.Now()
	r.signal(t, syscall.SIGHUP)
	r.waitFor(t, `"msg":"audit"`, `"who":"SIGHUP"`, `"result":"done"`)
	if waited := time.Since(began); waited > patience/2 {
		t.Errorf("a signal waited %v", waited)
	}
	r.mustReload(t)
}

func TestTheAdminSocketRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	r := serveReloadable(t, nowhere)
	ask := func(request string) string {
		t.Helper()
		c, err := net.DialTimeout("unix", r.socket(), patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(c, request)
		status := make([]byte, len("HTTP/1.1 200"))
		if _, err := c.Read(status); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(string(status), "HTTP/1.1 ")
	}
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	for request, want := range map[string]string{
		"GET /api/v1/config HTTP/1.1\r\nHost: x\r\n\r\n":                              "200",
		"GET /api/v1/reload HTTP/1.1\r\nHost: x\r\n\r\n":                              "405",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                           "404",
		"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 16<<10) + "\r\n\r\n": "431",
		post("/api/v1/diff", ""):                                                      "400",
		post("/api/v1/diff", `{"file": "relative"}`):                                  "400",
		post("/api/v1/diff", `{"file": 5}`):                                           "400",
		post("/api/v1/diff", `{"fil": "/"}`):                                          "400",
		post("/api/v1/diff", `{"file": "`+strings.Repeat("x", 70<<10)+`"}`):           "413",
		post("/api/v1/diff", `{"file": "/dev/zero"}`):                                 "422",
		post("/api/v1/diff", `{"file": "`+r.config+`"}`):                              "200",
		post("/api/v1/reload", ""):                                                    "200",
		post("/api/v1/reload", strings.Repeat("x", 70<<10)):                           "413",
	} {
		if got := ask(request); got != want {
			t.Errorf("%.60q: %s, want %s", request, got, want)
		}
	}
	r.signal(t, syscall.SIGTERM)
	r.exitCode(t) // now the log has all its lines
	if n := len(r.said("audit")); n != 1 {
		t.Errorf("%d reloads, want 1", n)
	}
}
