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

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
)

const (
	// supervisedVariable tells the demo that superviseDemo has started it.
	supervisedVariable = "MQTTLB_DEMO_TERMINAL_HELD"
	// killDelay is how long the demo may take to end before it is killed.
	killDelay = 10 * time.Second
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

	tty, err := terminal.Open()
	if err != nil {
		return err
	}
	defer tty.Close()
	give, err := tty.Take()
	if err != nil {
		return err
	}
	err = child.Run()
	restored := give()

	if _, err := stderr.Write(childStderr.Bytes()); err != nil {
		return err
	}
	switch exit := (*exec.ExitError)(nil); {
	case err == nil, ctx.Err() != nil:
		return restored
	case errors.As(err, &exit) && exit.ExitCode() == 2 && childStderr.Len() > 0:
		return cli.ErrUsage
	case errors.As(err, &exit) && childStderr.Len() > 0:
		return errFailed
	}
	return fmt.Errorf("the demo ended: %w", err)
}
