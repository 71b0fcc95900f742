// Command mqttlb is an MQTT-aware load balancer. It reads each client's CONNECT, sends
// the same client identifier to the same healthy node of a broker cluster, and from then
// on relays bytes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"mqttlb/proxy/reactor"
)

// command is one of mqttlb's subcommands. If the arguments are wrong, run explains why
// on stderr and returns errUsage.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "carry sessions, from a configuration file or from flags alone", serve},
		{"check", "read a configuration file and say what it means, what is wrong, or what it would change", check},
		{"reload", "have the running mqttlb read its configuration again", reload},
		{"demo", "show it at work: two brokers, the balancer before them, some clients", demo},
		{"cert", "write certificates for a lab: a CA, a server, clients", cert},
		{"version", "print the version", version},
	}
}

// unsupported is why serve and demo cannot run on this system; nil: they can.
var unsupported = reactor.Supported()

func main() {
	// The first signal stops gracefully, the second ends the process at once.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the process
		<-signals
		stop()
		endAtOnce(<-signals)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the command that args name and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(stdout)
		return exitDone
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		return exitCode(c.run(ctx, args[1:], stdout, stderr), stderr)
	}
	fmt.Fprintf(stderr, "mqttlb: there is no command %q\n", args[0])
	usage(stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: mqttlb COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s  %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\nmqttlb COMMAND -h lists a command's flags.\n")
}

// parseFlags parses the flags of a command that takes no other arguments.
func parseFlags(flags *flag.FlagSet, args []string, stderr io.Writer) error {
	flags.SetOutput(stderr)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "mqttlb %s: unexpected argument %q\n", flags.Name(), flags.Arg(0))
		flags.Usage()
		return errUsage
	}
	return nil
}
