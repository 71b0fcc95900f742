package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mqttlb/proxy/proxytest"
)

// balancer is a running `mqttlb serve`.
type balancer struct {
	*process
	config string            // path of its file
	addrs  map[string]string // the address that replaces each ${name} in the file
}

var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// configure writes a configuration file. Each ${name} in it becomes a free
// address of loopback, one per name; ${admin} and the log are given, unless the
// text has those sections itself.
func configure(t *testing.T, text string) *balancer {
	t.Helper()
	return configureAt(t, "127.0.0.1", text)
}

// configureAt is configure with addresses of this IP.
func configureAt(t *testing.T, at, text string) *balancer {
	t.Helper()
	b := &balancer{config: filepath.Join(t.TempDir(), "mqttlb.yaml"), addrs: map[string]string{}}
	b.write(t, at, text)
	return b
}

// write writes the file, see configure.
func (b *balancer) write(t *testing.T, at, text string) {
	t.Helper()
	if !strings.Contains(text, "\nadmin:") {
		text += "\nadmin: {address: \"${admin}\"}"
	}
	if !strings.Contains(text, "\nlog:") {
		text += "\nlog: {level: info, format: json}\n"
	}
	text = placeholder.ReplaceAllStringFunc(text, func(s string) string {
		name := placeholder.FindStringSubmatch(s)[1]
		if b.addrs[name] == "" {
			ip := at
			if strings.HasSuffix(name, "6") {
				ip = "::1"
			}
			b.addrs[name] = proxytest.FreeAddr(t, ip)
		}
		return b.addrs[name]
	})
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// serve runs mqttlb with a configuration, see configure, and waits until it serves.
func serve(t *testing.T, text string) *balancer {
	t.Helper()
	return serveAt(t, "127.0.0.1", text)
}

// serveAt is serve with addresses of this IP.
func serveAt(t *testing.T, at, text string) *balancer {
	t.Helper()
	b := configureAt(t, at, text)
	b.start(t, "")
	b.waitReady(t)
	return b
}

// start runs mqttlb; before is a shell command that the process runs first.
func (b *balancer) start(t *testing.T, before string) {
	t.Helper()
	b.startWith(t, before, "serve", "-c", b.config)
}

func (b *balancer) startWith(t *testing.T, before string, args ...string) {
	t.Helper()
	b.startCommand(t, command(t, before, args...))
}

// command returns mqttlb with arguments, after a shell command that its process runs first.
func command(t *testing.T, before string, args ...string) *exec.Cmd {
	t.Helper()
	if before == "" {
		before = "true"
	}
	cmd := exec.Command("sh", append([]string{"-c", before + ` && exec "$0" "$@"`, builtBinary(t)}, args...)...)
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1")
	return cmd
}

// startCommand runs mqttlb.
func (b *balancer) startCommand(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	p := start(t, "mqttlb", cmd)
	b.process = p
	t.Cleanup(func() {
		panicked := len(p.said("goroutine ", "[running]")) > 0 && len(p.said("SIGQUIT: quit")) == 0 // whose stacks may be of running ones
		if len(p.said("WARNING: DATA RACE")) > 0 || panicked {
			t.Errorf("mqttlb raced or panicked:\n%s", strings.Join(p.tail(80), "\n"))
		}
	})
}

// waitReady waits until mqttlb serves.
func (b *balancer) waitReady(t *testing.T) {
	t.Helper()
	eventually(t, "mqttlb serves", func() bool {
		if !b.running() {
			t.Fatalf("mqttlb ended at once: %v", b.cmd.ProcessState)
		}
		return b.healthz() == http.StatusOK
	})
}

// healthz returns the status of /healthz, or 0 without an answer.
func (b *balancer) healthz() int {
	code, _ := b.get("/healthz")
	return code
}

// readyz returns the status and the text of /readyz, or 0 without an answer.
func (b *balancer) readyz() (code int, text string) { return b.get("/readyz") }

// get asks admin.address for a path.
func (b *balancer) get(path string) (code int, text string) {
	resp, err := http.Get("http://" + b.addrs["admin"] + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(body)
}

// mqttlb runs a command of mqttlb to its end.
func mqttlb(t *testing.T, args ...string) (output string, exitCode int) {
	t.Helper()
	cmd := exec.Command(builtBinary(t), args...)
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1 atexit_sleep_ms=0") // the race detector's usual end takes a second
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func builtBinary(t *testing.T) string {
	t.Helper()
	path, err := mqttlbBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// sessionLine is the log line of a session.
type sessionLine struct {
	Listener string `json:"listener"`
	Client   string `json:"client"`
	ClientID string `json:"client_id"`
	Version  string `json:"version"`
	Node     string `json:"node"`
	Received int64  `json:"received"` // bytes from the client
	Sent     int64  `json:"sent"`     // bytes to the client
	Duration string `json:"duration"`
	Outcome  string `json:"outcome"`
	Error    string `json:"error"`
}

// sessionsEnded waits until the log has n session lines with all the parts, and returns
// them.
func (b *balancer) sessionsEnded(t *testing.T, n int, parts ...string) []sessionLine {
	t.Helper()
	var out []sessionLine
	for _, line := range b.waitForN(t, n, append(parts, `"msg":"session"`)...) {
		var s sessionLine
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("a log line is no JSON: %v\n%s", err, line)
		}
		out = append(out, s)
	}
	return out
}
