package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a program that a test started. It keeps the lines that the program prints.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the program has ended and lines has all its output

	mu    sync.Mutex // guards the fields below
	lines []string
	grown chan struct{} // closed, and replaced, when a line is added
}

// start runs a program. If it still runs at the end of the test, it is killed.
func start(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{name: name, cmd: cmd, exited: make(chan struct{}), grown: make(chan struct{})}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	read := make(chan struct{})
	go p.collect(r, read) // ends when w is closed
	go func() {           // ends when the program does
		cmd.Wait()
		w.Close()
		<-read
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("the last words of %s:\n%s", name, strings.Join(p.tail(60), "\n"))
		}
	})
	return p
}

func (p *process) collect(r io.Reader, done chan struct{}) {
	defer close(done)
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, scan.Text())
		close(p.grown)
		p.grown = make(chan struct{})
		p.mu.Unlock()
	}
	io.Copy(io.Discard, r)
}

// said returns the lines so far that contain all the parts.
func (p *process) said(parts ...string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
next:
	for _, line := range p.lines {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// waitFor waits for a line with all the parts. The line may be there already.
func (p *process) waitFor(t *testing.T, parts ...string) string {
	t.Helper()
	return p.waitForN(t, 1, parts...)[0]
}

// waitForN waits until n lines have all the parts.
func (p *process) waitForN(t *testing.T, n int, parts ...string) []string {
	t.Helper()
	found, err := p.await(n, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// await is waitForN for goroutines other than the test's own.
func (p *process) await(n int, parts ...string) ([]string, error) {
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		grown := p.grown
		p.mu.Unlock()
		if found := p.said(parts...); len(found) >= n {
			return found, nil
		}
		select {
		case <-grown:
		case <-p.exited:
			if found := p.said(parts...); len(found) >= n {
				return found, nil
			}
			return nil, fmt.Errorf("%s ended (%v) and never said %q %d times", p.name, p.cmd.ProcessState, parts, n)
		case <-deadline:
			return nil, fmt.Errorf("%s said %q %d times within %v, want %d", p.name, parts, len(p.said(parts...)), patience, n)
		}
	}
}

func (p *process) tail(n int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[max(0, len(p.lines)-n):]
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("%s: %v: %v", p.name, sig, err)
	}
}

// kill ends the program with SIGKILL and waits until it is gone.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err)
	}
	<-p.exited
}

// running reports whether the program has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// exitCode waits for the end.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%s still runs after %v", p.name, patience)
		return -1
	}
}

// residentBytes returns the anonymous memory of a program, in bytes: its own
// allocations, without its text and without shared pages.
func (p *process) residentBytes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs /proc to see the memory of a process")
	}
	if err != nil {
		t.Fatal(err)
	}
	var kib int
	for line := range strings.Lines(string(b)) {
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatalf("no RssAnon in the status of %s", p.name)
	return 0
}
