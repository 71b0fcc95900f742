//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mqttlb/bench/storm"
)

// runStorm plays scenarios behind HAProxy and behind mqttlb.
func runStorm(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("storm", flag.ContinueOnError)
	haproxy := fs.String("haproxy", "haproxy", "HAProxy `program`")
	mqttlb := fs.String("mqttlb", "mqttlb", "mqttlb `program` (default: the one beside mqttbench, or in PATH)")
	o := storm.Options{Status: os.Stderr}
	fs.IntVar(&o.Clients, "clients", 5000, "`clients` of boot; rolling has 0.6 of them, the others 0.2")
	fs.Float64Var(&o.Rate, "rate", 200, "`connections` a second that a node accepts in boot and rolling; an evacuation evicts a tenth of it")
	fs.DurationVar(&o.Patience, "patience", 30*time.Second, "how `long` a client waits for its CONNACK")
	fs.DurationVar(&o.Limit, "limit", 40*time.Second, "how `long` a scenario waits at most until all clients are in")
	fs.BoolVar(&o.Protect, "protect", storm.ProtectDefault, "configure mqttlb with its keys for storms: connect_rate, queue, slow_start, rebalance, max_load, the probe emqx")
	only := fs.String("only", "", "`scenarios` to play, separated by commas; there are "+strings.Join(storm.Names(), ", "))
	asJSON := fs.Bool("json", false, "print the report as JSON")
	page := fs.String("page", "", "write the report as Markdown to this `file` too, with a link to storm.svg beside it")
	plots := fs.String("plots", "", "write a picture of the clients that are in (storm.svg) to this `folder`")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	err := o.Check()
	if errors.As(err, new(storm.OptionError)) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.HAProxy, err = program(*haproxy, "/usr/sbin/haproxy"); err != nil {
		return usageError{fmt.Errorf("--haproxy: %w", err)}
	}
	if o.Mqttlb, err = program(*mqttlb, filepath.Join(filepath.Dir(self), "mqttlb")); err != nil {
		return usageError{fmt.Errorf("--mqttlb: %w", err)}
	}
	report, err := storm.Run(ctx, o)
	if err != nil {
		return err
	}
	if *plots != "" {
		if err := report.WritePlot(*plots); err != nil {
			return err
		}
	}
	if *page != "" {
		if err := os.WriteFile(*page, report.Markdown(), 0o644); err != nil {
			return err
		}
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.WriteText(os.Stdout)
}
