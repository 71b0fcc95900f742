//go:build linux

package storm

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/bench/compare"
)

// Options configure a run.
type Options struct {
	HAProxy string // program
	Mqttlb  string // program

	Clients  int           // of the largest scenario
	Rate     float64       // connections a second that a node accepts, where it has a rate
	Patience time.Duration // of a client: from its connect to the CONNACK
	Limit    time.Duration // how long a scenario waits at most until all clients are in
	Protect  bool          // mqttlb is configured with its keys for storms
	Only     []string      // names of scenarios; empty: all
	Status   io.Writer     // gets a line for every scenario

	lengths lengths // of the stories; zero: fullLengths
}

// ProtectDefault is whether mqttlb has its keys for storms unless an option says otherwise.
const ProtectDefault = true

// spareDescriptors is what this process needs besides its connections.
const spareDescriptors = 100

// OptionError is an option that is not allowed.
type OptionError struct{ error }

func (e OptionError) Unwrap() error { return e.error }

// Check returns an OptionError if an option is not allowed, or the error of a limit of this
// machine.
func (o *Options) Check() error {
	_, err := selectScenarios(o.Only)
	switch {
	case err != nil:
	case o.Clients < 10 || o.Clients > maxConnections:
		err = fmt.Errorf("--clients %d: 10 to %d are allowed", o.Clients, maxConnections)
	case o.Rate < 10 || o.Rate > 100_000:
		err = fmt.Errorf("--rate %g: 10 to 100000 a second are allowed", o.Rate)
	case o.Patience < time.Second || o.Patience > time.Hour:
		err = fmt.Errorf("--patience %v: 1s to 1h are allowed", o.Patience)
	case o.Limit < time.Second || o.Limit > time.Hour:
		err = fmt.Errorf("--limit %v: 1s to 1h are allowed", o.Limit)
	}
	if err != nil {
		return OptionError{err}
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	if need := uint64(2*o.Clients + spareDescriptors); need > limit.Max {
		return fmt.Errorf("%d clients and their sessions on the nodes need %d file descriptors and the hard limit is %d: fewer --clients, or `ulimit -Hn %d` as root",
			o.Clients, need, limit.Max, need)
	}
	return nil
}

// Run plays the scenarios behind each balancer and returns the report. It moves this
// process, which is clients and nodes, permanently to the cores that the balancers do not
// use.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	selected, err := selectScenarios(o.Only)
	if err != nil {
		return nil, err
	}
	if o.lengths == (lengths{}) {
		o.lengths = fullLengths
	}
	folder, err := os.MkdirTemp("", "mqttbench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := compare.LeaveCore(); err != nil {
		return nil, err
	}
	r := &Report{Date: time.Now().UTC().Format(time.DateOnly), Machine: compare.ThisMachine(), Options: o}
	for _, b := range o.balancers() {
		r.Balancers = append(r.Balancers, Balancer{b.name, compare.Version(b.path, b.version)})
	}
	for _, sc := range selected {
		night := Night{scenario: sc, Name: sc.name, Title: sc.title, About: o.fill(sc.about)}
		for _, b := range o.balancers() {
			result, err := o.play(ctx, sc, b, folder)
			if err != nil {
				return nil, fmt.Errorf("%s behind %s: %w", sc.name, b.name, err)
			}
			night.Results = append(night.Results, *result)
			o.status("%-9s %-8s %s", sc.name, b.name, result.summary())
		}
		r.Nights = append(r.Nights, night)
	}
	return r, nil
}

// play plays one scenario behind one balancer.
func (o *Options) play(ctx context.Context, sc scenario, b balancer, folder string) (*Result, error) {
	s, err := newStage(ctx, *o, sc)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.launch(ctx, b, folder); err != nil {
		return nil, err
	}
	ctx, s.stopClients = context.WithCancel(ctx) // the story and its clients end together
	if err := sc.play(ctx, s); err != nil {
		return nil, err
	}
	return s.result()
}

func (o *Options) status(format string, args ...any) {
	if o.Status != nil {
		fmt.Fprintf(o.Status, format+"\n", args...)
	}
}
