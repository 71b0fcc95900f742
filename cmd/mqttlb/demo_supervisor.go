package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"mqttlb/cmd/cli"
)

const (
	// supervisedVariable tells the demo that superviseDemo has started it.
	supervisedVariable = "MQTTLB_DEMO_TERMINAL_HELD"
	// killDelay is how long the demo may take to end before it is killed.
	killDelay = 10 * time.Second

	// enterScreen switches to the alternate screen, hides the cursor and stops
	// the wrapping of long lines; leaveScreen undoes that.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)

func isSupervised() bool { return os.Getenv(supervisedVariable) != "" }

// superviseDemo prepares the terminal, runs the demo in a child process and restores
// the terminal however the child ends: a panic in any goroutine, or SIGKILL, runs no
// defer. The stderr of the child is printed after the terminal is restored.
func superviseDemo(ctx context.Context, args []string, stderr io.Writer) error {
	// A second signal must not end this process before it has restored the terminal.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()

	self, err := os.Executable()
	if err != nil {
		return err
	}
	var childStderr bytes.Buffer
	child := exec.CommandContext(ctx, self, args...)
	child.Env = append(os.Environ(), supervisedVariable+"=1")
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, &childStderr
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = killDelay

	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	fd := int(tty.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("prepare the terminal: %w", err)
	}
	fmt.Fprint(tty, enterScreen)
	err = child.Run()
	fmt.Fprint(tty, leaveScreen)
	restored := term.Restore(fd, before)

	if _, err := stderr.Write(childStderr.Bytes()); err != nil {
		return err
	}
	switch exit := (*exec.ExitError)(nil); {
	case err == nil, ctx.Err() != nil:
		return restored
	case errors.As(err, &exit) && exit.ExitCode() == 2 && childStderr.Len() > 0:
		return cli.Usage
	case errors.As(err, &exit) && childStderr.Len() > 0:
		return errFailed
	}
	return fmt.Errorf("the demo ended: %w", err)
}
