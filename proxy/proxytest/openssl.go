package proxytest

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// patience is for what must happen: longer than any machine needs.
const patience = 30 * time.Second

// OpenSSL is a running openssl: s_client, s_server or another of its commands.
type OpenSSL struct {
	t     testing.TB
	stdin io.Writer
	lines chan string // closed when it has ended
}

// StartOpenSSL runs openssl with these arguments until the test ends.
func StartOpenSSL(t testing.TB, args ...string) *OpenSSL {
	t.Helper()
	cmd := exec.Command(Program(t, "openssl"), args...) //nolint:noctx // it ends with the test
	stdin, stdout := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &OpenSSL{t, stdin, make(chan string, 1000)}
	done := make(chan struct{})
	go o.read(stdout, done) // ends with openssl
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	return o
}

func (o *OpenSSL) read(stdout io.Reader, done chan struct{}) {
	defer close(done)
	defer close(o.lines)
	for scan := bufio.NewScanner(stdout); scan.Scan(); {
		o.lines <- scan.Text()
	}
}

// Say types a line. It is what s_client and s_server send to the other side, but for
// K, R, Q and others at the beginning of a line, which are commands.
func (o *OpenSSL) Say(line string) {
	o.t.Helper()
	if _, err := io.WriteString(o.stdin, line+"\n"); err != nil {
		o.t.Fatal(err)
	}
}

// Hears waits for a line with text in what openssl prints, and returns it.
func (o *OpenSSL) Hears(text string) string {
	o.t.Helper()
	var all []string
	for deadline := time.After(patience); ; {
		select {
		case line, ok := <-o.lines:
			if all = append(all, line); strings.Contains(line, text) {
				return line
			}
			if !ok {
				o.t.Fatalf("openssl has ended without %q:\n%s", text, strings.Join(all, "\n"))
			}
		case <-deadline:
			o.t.Fatalf("openssl never said %q:\n%s", text, strings.Join(all, "\n"))
		}
	}
}
