package ctl

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/proxy/admin/api"
)

// process stands for a running mqttlb: it records what it is asked, and answers what it
// was told to.
type process struct {
	socket string

	mu      sync.Mutex                  // guards the fields below
	answers map[string]http.HandlerFunc // by method and path
	asked   []string                    // method, path with its query, and body
}

// ServeHTTP implements [http.Handler].
func (p *process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.asked = append(p.asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	answer := p.answers[r.Method+" "+r.URL.Path]
	p.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

func (p *process) lastAsked() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return ""
	}
	return p.asked[len(p.asked)-1]
}

// on sets the answer to a method and path: a handler, or a value that is sent as JSON.
func (p *process) on(request string, answer any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch answer := answer.(type) {
	case http.HandlerFunc:
		p.answers[request] = answer
	default:
		p.answers[request] = reply(http.StatusOK, answer)
	}
}

// reply answers with a status, and a value as JSON or a text as it is.
func reply(status int, answer any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, isText := answer.(string)
		if !isText {
			b, err := json.Marshal(answer)
			if err != nil {
				panic(err)
			}
			text = string(b) + "\n"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

// refuse answers with an error of the API.
func refuse(status int, lines ...string) http.HandlerFunc {
	return reply(status, api.Error{Errors: lines})
}

// startProcess runs a process with an admin socket.
func startProcess(t *testing.T) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl") //nolint:usetesting // the path of t.TempDir has the name of the test, and is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &process{socket: filepath.Join(dir, "s"), answers: map[string]http.HandlerFunc{}}
	ln, err := net.Listen("unix", p.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(p)
	server.Listener.Close()
	server.Listener = ln
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// serveTCP also serves at an address of loopback, with TLS if config is there.
func (p *process) serveTCP(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(p)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // of failed handshakes
	if config != nil {
		server.TLS = config
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// ctl runs `mqttlb ctl` with the socket of the process.
func (p *process) ctl(t *testing.T, args ...string) outcome {
	t.Helper()
	return runCtl(t.Context(), append([]string{"--socket", p.socket}, args...)...)
}

// runCtl runs `mqttlb ctl`, without a terminal.
func runCtl(ctx context.Context, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	root := cli.Group(&cobra.Command{Use: "mqttlb"})
	root.AddCommand(Command(func() []string { return []string{"/nowhere/mqttlb.sock"} }))
	root.SetIn(strings.NewReader(""))
	code := cli.Run(ctx, root, append([]string{"ctl"}, args...), &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

// says checks the exit code, and that stdout and stderr have the parts, which may be
// empty.
func (o outcome) says(t *testing.T, what string, code int, stdout, stderr string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.stdout, stdout) || !strings.Contains(o.stderr, stderr) {
		t.Errorf("%s: exit code %d, want %d; stdout, want %q:\n%s\nstderr, want %q:\n%s", what, o.code, code, stdout, o.stdout, stderr, o.stderr)
	}
}

// ago returns a time before now.
func ago(d time.Duration) *time.Time {
	at := time.Now().Add(-d)
	return &at
}
