package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/cmd/terminal"
	"mqttlb/config"
)

// Limits of the demo's flags.
const (
	maxDemoBrokers = 9   // the keys 1 to 9 kill and start them
	maxDemoClients = 500 // more than a screen can show
)

// demoFlags are the flags of demo.
type demoFlags struct {
	listen   string // "": port 1883, or the next free one
	brokers  int
	clients  int
	duration time.Duration // 0: no limit
	script   script
}

// demoCommand shows mqttlb at work, in a terminal or as plain lines.
func demoCommand() *cobra.Command {
	var f demoFlags
	var steps string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "show it at work: two brokers, the balancer before them, some clients",
		Long: `Start some brokers, the balancer before them and some clients, all in one
process, and show which client is on which broker. The number keys kill and
start brokers.`,
		Example: "  mqttlb demo\n  mqttlb demo --brokers 3 --clients 20 --for 30s --script \"5s kill 1, 10s start 1\"",
		Args:    cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(steps); err != nil {
				return err
			}
			return demo(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "the `ADDRESS` where clients arrive (default 127.0.0.1:1883, or the next port that is free)")
	flags.IntVar(&f.brokers, "brokers", 2, "how many brokers to start, 1 to 9")
	flags.IntVar(&f.clients, "clients", 8, "how many clients to start, 0 to 500")
	flags.DurationVar(&f.duration, "for", 0, "end after this `DURATION`, as 30s; 0s: on q, or a signal")
	flags.StringVar(&steps, "script", "", "what to do at which `TIMES`, as \"5s kill 1, 10s start 1\"")
	return cmd
}

// demo runs the demo until ctx is done.
func demo(ctx context.Context, f demoFlags, stdout, stderr io.Writer) error {
	if unsupported != nil {
		return unsupported
	}
	live := terminal.CanRedraw(stdout)
	if live && !isSupervised() {
		return superviseDemo(ctx, os.Args[1:], stderr)
	}
	started := time.Now()
	t, err := newTrial(f, demoPace)
	if errors.As(err, new(config.Errors)) {
		return cli.Usagef("%v", err) // only --listen goes through config
	}
	if err != nil {
		return err
	}
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	ctx, quit := context.WithCancel(ctx)
	defer quit()

	// All of these end with ctx, which a key can cancel, too.
	var running sync.WaitGroup
	defer func() {
		running.Wait()
		if live { // superviseDemo prints it once the terminal is restored
			stdout = stderr
		}
		printSummary(stdout, t.board, time.Since(started))
	}()
	running.Go(func() { f.script.play(ctx, t) })
	if live {
		tty, err := terminal.Open()
		if err != nil {
			quit()
			t.run(ctx)
			return err
		}
		defer tty.Close()
		running.Go(func() { showLive(ctx, quit, tty, t, terminal.HasColor(stdout)) })
	} else {
		running.Go(func() { printPlain(ctx, stdout, t) })
	}
	t.run(ctx)
	return nil
}

// check returns an error if a flag is out of its limits, and parses the script.
func (f *demoFlags) check(steps string) error {
	if f.brokers < 1 || f.brokers > maxDemoBrokers {
		return cli.Usagef("--brokers %d: must be 1 to %d", f.brokers, maxDemoBrokers)
	}
	if f.clients < 0 || f.clients > maxDemoClients {
		return cli.Usagef("--clients %d: must be 0 to %d", f.clients, maxDemoClients)
	}
	if f.duration < 0 {
		return cli.Usagef("--for %v: must not be negative", f.duration)
	}
	if f.listen != "" {
		if _, _, err := net.SplitHostPort(f.listen); err != nil || strings.HasPrefix(f.listen, "unix:") {
			return cli.Usagef("--listen %q: must be an address and a port, as 127.0.0.1:1883", f.listen)
		}
	}
	var err error
	if f.script, err = parseScript(steps, f.brokers); err != nil {
		return cli.Usagef("--script: %v", err)
	}
	return nil
}
