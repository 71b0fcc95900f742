//go:build linux

// Command mqttbench generates MQTT load, answers it, and compares balancers under it.
//
//	mqttbench broker -p 1883                        a stub broker
//	mqttbench conn -h lb -p 1883 -c 9000            hold connections
//	mqttbench pub -h lb -c 100 -t bench/%i -q 1     publish
//	mqttbench sub -h lb -c 100 -t bench/%i          subscribe
//	mqttbench compare --mqttlb bin/mqttlb           beside HAProxy
//	mqttbench storm --only kill                     bad nights, behind both
//
// The flags are those of emqtt_bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const usage = `usage: mqttbench COMMAND [flags]

  conn     open connections and hold them
  pub      open connections and publish
  sub      open connections and subscribe
  broker   serve a stub broker that acknowledges and routes nothing
  compare  measure mqttlb beside HAProxy
  storm    play bad nights of a cluster behind HAProxy and mqttlb

mqttbench COMMAND --help lists the flags.
`

// command runs one subcommand with its arguments.
type command func(ctx context.Context, args []string) error

var commands = map[string]command{
	"conn":    runConn,
	"pub":     runPub,
	"sub":     runSub,
	"broker":  runBroker,
	"compare": runCompare,
	"storm":   runStorm,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

// run returns the exit status: 2 for a wrong command line.
func run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	switch args[0] {
	case "help", "-h", "--help", "-help":
		if len(args) > 1 && args[0] == "help" {
			return run(ctx, []string{args[1], "--help"})
		}
		fmt.Print(usage)
		return 0
	case "version", "--version", "-version":
		fmt.Println("mqttbench", version())
		return 0
	}
	c, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "mqttbench: unknown command %q\n\n%s", args[0], usage)
		return 2
	}
	err := c(ctx, args[1:])
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(os.Stderr, "mqttbench %s: %v\nmqttbench %s --help lists the flags.\n", args[0], err, args[0])
		return 2
	}
	fmt.Fprintf(os.Stderr, "mqttbench %s: %v\n", args[0], err)
	return 1
}

// version is the version that the build has recorded, and that of Go.
func version() string {
	build := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		build = info.Main.Version
	}
	return fmt.Sprintf("%s %s %s/%s", build, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// usageError is an error of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// parse parses flags. No other arguments are allowed.
func parse(fs *flag.FlagSet, args []string) error {
	help := fs.Bool("help", false, "list the flags")
	fs.SetOutput(discard{})
	err := fs.Parse(args)
	switch {
	case err == nil && *help, errors.Is(err, flag.ErrHelp):
		fs.SetOutput(os.Stdout)
		fmt.Printf("usage: mqttbench %s [flags]\n\n", fs.Name())
		fs.PrintDefaults()
		return flag.ErrHelp
	case err != nil:
		return usageError{err}
	case fs.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if name := givenTwice(fs, args); name != "" {
		return usageError{fmt.Errorf("-%s is given twice; it takes one value", name)}
	}
	return nil
}

// severalTimes are the flags that may be given several times.
var severalTimes = []string{"listen", "target"}

// givenTwice returns a flag that args, which have been parsed, name twice. Package flag takes the last one.
func givenTwice(fs *flag.FlagSet, args []string) string {
	given := map[string]bool{}
	for i := 0; i < len(args); i++ {
		name, _, whole := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		f := fs.Lookup(name)
		if f == nil {
			continue
		}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); !whole && (!ok || !b.IsBoolFlag()) {
			i++ // its value
		}
		if given[name] && !slices.Contains(severalTimes, name) {
			return name
		}
		given[name] = true
	}
	return ""
}

// discard stops package flag from printing errors that main prints.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
