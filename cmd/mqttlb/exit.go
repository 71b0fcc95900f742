package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"
)

// The exit codes of mqttlb. A service manager need not start it again after exitUsage
// and exitConfig: the next start would end in the same way. A crash of the process never has one
// of these codes, see abortOnCrash.
const (
	// exitDone: the command has done its work. serve was told to stop, and has stopped.
	exitDone = 0
	// exitFailed: the command has failed, perhaps for a reason that passes, such as an
	// address in use.
	exitFailed = 1
	// exitUsage: the arguments are wrong.
	exitUsage = 2
	// exitConfig: serve cannot use its configuration, which includes the files that it names and
	// the sockets that it has inherited. It is EX_CONFIG of sysexits.h.
	exitConfig = 78
	// exitForced plus the number of a second signal: the signal has cut sessions off. Shells
	// write the end by a signal so: 130 for SIGINT, 143 for SIGTERM.
	exitForced = 128
)

var (
	errUsage  = errors.New("usage")                      // exitUsage; the command has explained the mistake
	errFailed = errors.New("failed")                     // exitFailed; the command has explained the failure
	errConfig = errors.New("the configuration is wrong") // exitConfig; the command has explained the faults
)

// exitCode returns the exit code for the result of a command. It prints an error that
// the command has not explained.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errConfig):
		return exitConfig
	case errors.Is(err, errFailed):
		return exitFailed
	default:
		fmt.Fprintln(stderr, "mqttlb:", err)
		return exitFailed
	}
}

// endAtOnce ends the process at a second signal.
func endAtOnce(s os.Signal) {
	fmt.Fprintln(os.Stderr, "mqttlb: a second signal: ending at once, open sessions are cut off")
	code := exitForced
	if n, ok := s.(syscall.Signal); ok {
		code += int(n)
	}
	os.Exit(code)
}

// abortOnCrash makes the process end with SIGABRT when it panics. Go's own end of a panic has the
// exit code 2, which means wrong arguments here.
func abortOnCrash() { debug.SetTraceback("crash") }
