package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"mqttlb/cmd/cli"
)

// The exit codes of mqttlb, besides 0. A service manager need not start it again after 2 and 78: the
// next start would end in the same way. A crash never has one of these codes, see abortOnCrash.
const (
	// errFailed: the command has failed, perhaps for a reason that passes, such as an address in
	// use. Code 1.
	errFailed = cli.ErrFailed
	// errUsage: the arguments are wrong. Code 2.
	errUsage = cli.ErrUsage
	// errConfig: serve cannot use its configuration, which includes the files that it names and
	// the sockets that it has inherited. It is EX_CONFIG of sysexits.h.
	errConfig cli.ExitError = 78
	// exitForced plus the number of a second signal: the signal has cut sessions off. Shells
	// write the end by a signal so: 130 for SIGINT, 143 for SIGTERM.
	exitForced = 128
)

// servingLog is the log of serve while it runs.
var servingLog atomic.Pointer[logger]

// endAtOnce ends the process at a second signal. Of serve it is a line of the log, in its format.
func endAtOnce(s os.Signal) {
	if log := servingLog.Load(); log != nil {
		log.Warn("a second signal: ending at once, open sessions are cut off", "signal", s.String())
		log.close()
	} else {
		fmt.Fprintln(os.Stderr, "mqttlb: a second signal: ending at once")
	}
	code := exitForced
	if n, ok := s.(syscall.Signal); ok {
		code += int(n)
	}
	os.Exit(code)
}

// abortOnCrash makes the process end with SIGABRT when it panics. Go's own end of a panic has the
// exit code 2, which means wrong arguments here.
func abortOnCrash() { debug.SetTraceback("crash") }
