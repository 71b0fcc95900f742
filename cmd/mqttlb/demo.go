package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

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

// demo shows mqttlb at work, in a terminal or as plain lines.
func demo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parseDemo(args, stderr)
	if err != nil {
		return err
	}
	if unsupported != nil {
		return fmt.Errorf("demo %w", unsupported)
	}
	live := canRedraw(stdout)
	if live && !isSupervised() {
		return superviseDemo(ctx, args, stderr)
	}
	t, err := newTrial(f, demoPace)
	if errors.As(err, new(config.Errors)) {
		fmt.Fprintln(stderr, err) // only --listen goes through config
		return errUsage
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
	defer running.Wait()
	running.Go(func() { f.script.play(ctx, t) })
	if live {
		tty, err := openTerminal()
		if err != nil {
			quit()
			t.run(ctx)
			return err
		}
		defer tty.Close()
		running.Go(func() { showLive(ctx, quit, tty, t, os.Getenv("NO_COLOR") == "") })
	} else {
		running.Go(func() { printPlain(ctx, stdout, t) })
	}
	t.run(ctx)
	return nil
}

func parseDemo(args []string, stderr io.Writer) (demoFlags, error) {
	var f demoFlags
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.StringVar(&f.listen, "listen", "", "the `ADDRESS` where clients arrive (default 127.0.0.1:1883, or the next port that is free)")
	flags.IntVar(&f.brokers, "brokers", 2, "how many brokers to start, 1 to 9")
	flags.IntVar(&f.clients, "clients", 8, "how many clients to start, 0 to 500")
	flags.DurationVar(&f.duration, "for", 0, "end after this `DURATION`, as 30s (default: on q, or a signal)")
	steps := flags.String("script", "", "what to do at which `TIMES`, as \"5s kill 1, 10s start 1\"")
	if err := parseFlags(flags, args, stderr); err != nil {
		return f, err
	}
	wrong := func(format string, args ...any) (demoFlags, error) {
		fmt.Fprintf(stderr, "mqttlb demo: "+format+"\n", args...)
		return f, errUsage
	}
	if f.brokers < 1 || f.brokers > maxDemoBrokers {
		return wrong("--brokers %d: must be 1 to %d", f.brokers, maxDemoBrokers)
	}
	if f.clients < 0 || f.clients > maxDemoClients {
		return wrong("--clients %d: must be 0 to %d", f.clients, maxDemoClients)
	}
	if f.duration < 0 {
		return wrong("--for %v: must not be negative", f.duration)
	}
	if f.listen != "" {
		if _, _, err := net.SplitHostPort(f.listen); err != nil || strings.HasPrefix(f.listen, "unix:") {
			return wrong("--listen %q: must be an address and a port, as 127.0.0.1:1883", f.listen)
		}
	}
	var err error
	if f.script, err = parseScript(*steps, f.brokers); err != nil {
		return wrong("--script: %v", err)
	}
	return f, nil
}
