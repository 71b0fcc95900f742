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
	if args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		fmt.Print(usage)
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
	return nil
}

// discard stops package flag from printing errors that main prints.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
