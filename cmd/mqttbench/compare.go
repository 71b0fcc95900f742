//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"mqttlb/bench/compare"
)

// runCompare compares mqttlb with HAProxy. It fails when a target is missed.
func runCompare(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	haproxy := fs.String("haproxy", "haproxy", "HAProxy `program`")
	nginx := fs.String("nginx", "nginx", "nginx `program`, for a further column where it is installed with its stream module")
	alone := fs.Bool("alone", false, "HAProxy and mqttlb only: no column for nginx, none for a direct connection")
	mqttlb := fs.String("mqttlb", "", "mqttlb `program` (default: the one beside mqttbench, or in PATH)")
	against := fs.String("against", "", "`program` of another build of mqttlb, which takes HAProxy's place: the ratios are of now to before")
	noise := fs.Bool("noise", false, "compare HAProxy with itself: the ratios are the noise of this machine")
	pairs := fs.Int("pairs", 5, "pairs of turns of each measure")
	turn := fs.Duration("turn", 2*time.Second, "`time` of each turn")
	short := fs.Bool("short", false, "for a first look: the same as --pairs 3 --turn 500ms")
	only := fs.String("only", "", "`measures` to run, separated by commas, a * at the end for any end; there are "+strings.Join(compare.Names(), ", "))
	asJSON := fs.Bool("json", false, "print the report as JSON")
	page := fs.String("page", "", "write the report as Markdown to this `file` too")
	plots := fs.String("plots", "", "write pictures of CPU, memory and latency (SVG) to this `folder`")
	record := fs.String("record", "", "write the ratios to this `file`, for --recorded")
	recorded := fs.String("recorded", "", "fail when a ratio is 15 % worse than in this `file`; --target goes before. Without --only, what has neither is not measured")
	targets := compare.Targets{}
	fs.Var(targets, "target", "fail when a ratio is worse: `ROW=RATIO`; may be given several times")
	if err := parse(fs, args); err != nil {
		return err
	}
	if *short {
		*pairs, *turn = 3, 500*time.Millisecond
	}
	if *pairs < 1 || *turn <= 0 {
		return usageError{errors.New("--pairs and --turn must be above 0")}
	}
	if *recorded != "" {
		limits, err := compare.RecordedTargets(*recorded)
		if err != nil {
			return usageError{fmt.Errorf("--recorded: %w", err)}
		}
		maps.Copy(limits, targets)
		targets = limits
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	o := compare.Options{
		Broker: []string{self, "broker"},
		Pairs:  *pairs, Turn: *turn, Alone: *alone, Status: os.Stderr,
	}
	if o.HAProxy, err = program(*haproxy, "/usr/sbin/haproxy"); err != nil {
		return usageError{fmt.Errorf("--haproxy: %w", err)}
	}
	// Without nginx the table has one column less, and the report says so.
	if o.Nginx, err = program(*nginx, "/usr/sbin/nginx"); err != nil && *nginx != "nginx" {
		return usageError{fmt.Errorf("--nginx: %w", err)}
	}
	if *against != "" {
		if o.Against, err = program(*against, *against); err != nil {
			return usageError{fmt.Errorf("--against: %w", err)}
		}
	}
	if !*noise {
		if *mqttlb == "" {
			*mqttlb = "mqttlb"
		}
		if o.Mqttlb, err = program(*mqttlb, filepath.Join(filepath.Dir(self), "mqttlb")); err != nil {
			return usageError{fmt.Errorf("--mqttlb: %w", err)}
		}
	}
	switch {
	case *only != "":
		o.Only = strings.Split(*only, ",")
	case *recorded != "":
		o.Only = targets.Measures()
	}
	report, err := compare.Run(ctx, o)
	if err != nil {
		return err
	}
	if *plots != "" {
		if err := report.WritePlots(*plots); err != nil {
			return err
		}
	}
	if *record != "" {
		if err := report.Record(*record); err != nil {
			return err
		}
	}
	return deliver(report, *asJSON, *page, targets)
}

// program finds a program by path, in PATH, or at its usual place.
func program(name, usual string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if filepath.Base(usual) == name {
		if path, err := exec.LookPath(usual); err == nil {
			return path, nil
		}
	}
	return "", err
}

func deliver(r *compare.Report, asJSON bool, page string, targets compare.Targets) error {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
	} else if err := r.WriteText(os.Stdout); err != nil {
		return err
	}
	if page != "" {
		if err := os.WriteFile(page, r.Markdown(), 0o644); err != nil {
			return err
		}
	}
	if missed := r.Missed(targets); len(missed) > 0 {
		return fmt.Errorf("targets missed: %s", strings.Join(missed, "; "))
	}
	return nil
}
