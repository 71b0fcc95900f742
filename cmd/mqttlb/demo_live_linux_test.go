package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// liveDemo is `mqttlb demo`, or another command, in a terminal.
type liveDemo struct {
	cmd    *exec.Cmd
	pty    *os.File // the side of keyboard and screen: the test
	tty    *os.File // the demo's side
	before unix.Termios
	exited chan struct{} // closed when the demo has ended

	mu     sync.Mutex // guards the field below
	output []byte
}

// oneDemo lets one demo run at a time: a second one could take the port of a broker that the first has killed.
var oneDemo sync.Mutex

// startLive runs the demo in a terminal of this size.
func startLive(t *testing.T, width, height uint16, env ...string) *liveDemo {
	t.Helper()
	oneDemo.Lock()
	t.Cleanup(oneDemo.Unlock)
	return startInTerminal(t, width, height, env, "demo", "--listen", "127.0.0.1:0", "--clients", "8")
}

// startInTerminal runs a command in a terminal of this size.
func startInTerminal(t *testing.T, width, height uint16, env []string, args ...string) *liveDemo {
	t.Helper()
	d := &liveDemo{exited: make(chan struct{})}
	d.openPTY(t)
	d.resize(t, width, height)
	before, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	d.before = *before
	d.cmd = exec.Command(builtBinary(t), args...)
	d.cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "NO_COLOR="}, env...)...)
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = d.tty, d.tty, d.tty
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.collect() // ends when the pty is closed
	go func() {    // ends when the demo does
		d.cmd.Wait()
		close(d.exited)
	}()
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		<-d.exited
		if t.Failed() {
			t.Logf("the screen:\n%s\nthe end: %q", strings.Join(d.screen(), "\n"), d.said()[max(0, len(d.said())-500):])
		}
		d.tty.Close()
		d.pty.Close()
	})
	return d
}

func (d *liveDemo) openPTY(t *testing.T) {
	t.Helper()
	var err error
	if d.pty, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(d.pty.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(d.pty.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		d.tty, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		d.pty.Close()
		t.Fatal(err)
	}
}

func (d *liveDemo) resize(t *testing.T, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(d.pty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		t.Fatal(err)
	}
}

func (d *liveDemo) collect() {
	b := make([]byte, 64<<10)
	for {
		n, err := d.pty.Read(b)
		d.mu.Lock()
		d.output = append(d.output, b[:n]...)
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (d *liveDemo) said() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.output)
}

var sgr = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// screen returns the lines of the last frame but one, which is complete. A frame starts
// at the top left.
func (d *liveDemo) screen() []string {
	frames := strings.Split(string(d.said()), "\x1b[H")
	if len(frames) < 3 {
		return nil
	}
	return strings.Split(strings.ReplaceAll(sgr.ReplaceAllString(frames[len(frames)-2], ""), "\x1b[2K", ""), "\r\n")
}

// see waits until each of the patterns matches a line of the screen.
func (d *liveDemo) see(t *testing.T, patterns ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the screen shows %q", patterns), func() bool {
		text := strings.Join(d.screen(), "\n")
		for _, pattern := range patterns {
			if !regexp.MustCompile(`(?m)` + pattern).MatchString(text) {
				return false
			}
		}
		return true
	})
}

func (d *liveDemo) press(t *testing.T, key string) {
	t.Helper()
	if _, err := d.pty.WriteString(key); err != nil {
		t.Fatal(err)
	}
}

// child is the process that draws.
func (d *liveDemo) child(t *testing.T) *os.Process {
	t.Helper()
	pid := d.cmd.Process.Pid
	byThread, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range byThread {
		b, _ := os.ReadFile(path) // a thread that has ended has no children
		for field := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			p, _ := os.FindProcess(child) // never fails
			return p
		}
	}
	t.Fatalf("the demo, process %d, has no child", pid)
	return nil
}

func TestTheDemoIsPlayedFromTheKeyboard(t *testing.T) {
	t.Parallel()
	d := startLive(t, 100, 30)
	d.see(t, `^1  broker-1  up +2  broker-2  up +$`, `^4 sessions, .* 4 sessions, `, `^keys    1 kills broker-1   2 kills broker-2   q quits`)
	d.press(t, "1")
	d.see(t, `^1  broker-1  killed`, `moved from broker-1 to broker-2: broker-1 was killed`, `^0 sessions, .* 8 sessions, `, `1 starts broker-1`)

	d.resize(t, 60, 20)
	eventually(t, "the screen has the new size", func() bool {
		lines := d.screen()
		if len(lines) != 20 {
			return false
		}
		for _, line := range lines {
			if len(line) != 60 {
				return false
			}
		}
		return true
	})
	d.press(t, "1")
	d.see(t, `^1  broker-1  up `)
	if !bytes.Contains(d.said(), []byte("\x1b[1;31m")) {
		t.Error("nothing was red")
	}
	d.press(t, "q")
	d.ended(t, 0)
}

func TestTheTerminalIsGivenBackHoweverTheDemoEnds(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		name string
		by   func(t *testing.T, d *liveDemo)
		code int
	}{
		{"q", func(t *testing.T, d *liveDemo) { d.press(t, "q") }, 0},
		{"control-C", func(t *testing.T, d *liveDemo) { d.press(t, "\x03") }, 0},
		{"SIGTERM", func(t *testing.T, d *liveDemo) { d.cmd.Process.Signal(syscall.SIGTERM) }, 0},
		{"SIGHUP", func(t *testing.T, d *liveDemo) { d.cmd.Process.Signal(syscall.SIGHUP) }, 0},
		{"SIGTERM to all", func(t *testing.T, d *liveDemo) { syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM) }, 0},
		{"crash", func(t *testing.T, d *liveDemo) { d.child(t).Signal(syscall.SIGABRT) }, 2},
		{"SIGKILL", func(t *testing.T, d *liveDemo) { d.child(t).Kill() }, 1},
	} {
		t.Run(end.name, func(t *testing.T) {
			d := startLive(t, 80, 24, "NO_COLOR=1")
			d.see(t, `^1  broker-1  up `)
			end.by(t, d)
			d.ended(t, end.code)
			said := d.said()
			after := said[bytes.LastIndex(said, []byte(leftScreen))+len(leftScreen):]
			if summary := bytes.Contains(after, []byte("The demo ran for ")) && bytes.Contains(after, []byte("\n  broker-2   ")); summary != (end.code == 0) {
				t.Errorf("on the terminal is %q", after)
			}
			if sgr.Match(d.said()) {
				t.Error("colors in spite of NO_COLOR")
			}
			if said := d.said(); end.name == "crash" && !bytes.Contains(said[bytes.LastIndex(said, []byte(leftScreen)):], []byte("SIGABRT")) {
				t.Errorf("nobody can read why it crashed: %q", said[max(0, len(said)-1000):])
			}
		})
	}
}

// leftScreen is the sequence that ends the alternate screen.
const leftScreen = "\x1b[?1049l"

// ended waits for the end of the demo, and checks that the terminal is restored.
func (d *liveDemo) ended(t *testing.T, code int) {
	t.Helper()
	eventually(t, "the demo has ended", func() bool {
		select {
		case <-d.exited:
			return true
		default:
			return false
		}
	})
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	after, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if *after != d.before {
		t.Errorf("the terminal is %+v, was %+v", *after, d.before)
	}
	eventually(t, "the screen is as it was", func() bool {
		said := d.said()
		return bytes.Contains(said, []byte("\x1b[?25h"+leftScreen)) &&
			bytes.LastIndex(said, []byte("\x1b[H")) < bytes.LastIndex(said, []byte(leftScreen))
	})
}
