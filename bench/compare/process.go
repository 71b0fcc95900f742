//go:build linux

package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that this package has started and pinned to cores.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer // valid once ended is closed
	ended  chan struct{}
}

// startTimeout is how long a program may take until it accepts connections.
const startTimeout = 10 * time.Second

// start runs a program on the given cores and returns when it accepts connections on
// every address.
func start(ctx context.Context, cores unix.CPUSet, ready []netip.AddrPort, env []string, path string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stderr, &p.stderr
	p.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // so that its workers are killed, too
	p.cmd.Cancel = p.kill
	if err := startOn(cores, p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go p.wait() // ends with the program, which stop kills
	for _, a := range ready {
		if err := p.accepts(ctx, a); err != nil {
			p.stop()
			return nil, fmt.Errorf("start %s: %w\n%s", p.cmd, err, p.stderr.Bytes())
		}
	}
	return p, nil
}

func (p *process) wait() {
	_ = p.cmd.Wait() // its error does not matter: it was killed, or accepts reports its death
	close(p.ended)
}

func (p *process) accepts(ctx context.Context, a netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.String())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return errors.New("it ended before it accepted on " + a.String())
		case <-ctx.Done():
			return fmt.Errorf("it does not accept: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop kills the program and waits for its end.
func (p *process) stop() {
	_ = p.kill() // fails only if the program has ended
	<-p.ended
}

// kill kills the program and its workers.
func (p *process) kill() error { return unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL) }

// cpu returns the CPU time of the program and its workers.
func (p *process) cpu() (time.Duration, error) {
	total := time.Duration(0)
	err := p.eachProcess(func(pid string) error {
		own, err := cpuOf(pid)
		total += own
		return err
	})
	return total, err
}

// eachProcess calls do for the program and for each of its workers: nginx has a master and
// one process for each thread.
func (p *process) eachProcess(do func(pid string) error) error {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	if err := do(pid); err != nil {
		return err
	}
	workers, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return err
	}
	for worker := range strings.FieldsSeq(string(workers)) {
		if err := do(worker); err != nil {
			return err
		}
	}
	return nil
}

// cpuOf returns the CPU time of all threads of a process; pid may be "self". The
// scheduler counts it in nanoseconds, whereas utime and stime are sampled every tick.
func cpuOf(pid string) (time.Duration, error) {
	tasks, err := filepath.Glob(filepath.Join("/proc", pid, "task/*/schedstat"))
	if err != nil {
		return 0, err
	}
	total := time.Duration(0)
	for _, name := range tasks {
		b, err := os.ReadFile(name)
		if errors.Is(err, unix.ESRCH) || errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended since
		}
		if err != nil {
			return 0, err
		}
		ns, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		total += time.Duration(n)
	}
	if total == 0 {
		return 0, fmt.Errorf("process %s has no CPU time: is it running?", pid)
	}
	return total, nil
}

// userMemory returns the resident anonymous memory in bytes: heap and stacks, but neither
// the program's text nor the kernel's sockets.
func (p *process) userMemory() (int64, error) {
	total := int64(0)
	err := p.eachProcess(func(pid string) error {
		b, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
		if err != nil {
			return err
		}
		n, err := kilobytes(b, "RssAnon:")
		total += n
		return err
	})
	return total, err
}

func (p *process) descriptors() (int, error) {
	total := 0
	err := p.eachProcess(func(pid string) error {
		entries, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
		total += len(entries)
		return err
	})
	return total, err
}

// kilobytes finds "key   123 kB" in a file of /proc and returns bytes.
func kilobytes(b []byte, key string) (int64, error) {
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == key {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc", key)
}
