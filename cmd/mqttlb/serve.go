package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"mqttlb/config"
	"mqttlb/proxy"
	"mqttlb/proxy/admin"
)

// listFlag is a flag that may be given more than once.
type listFlag []string

func (f *listFlag) String() string     { return strings.Join(*f, ",") }
func (f *listFlag) Set(s string) error { *f = append(*f, s); return nil }

// serve carries sessions until it is told to stop.
func serve(ctx context.Context, args []string, _, stderr io.Writer) error {
	var listen, nodes listFlag
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	file := flags.String("c", "", "the configuration `FILE`")
	flags.Var(&listen, "listen", "without a file: an `ADDRESS` where MQTT clients arrive, as :1883 (may be repeated)")
	flags.Var(&nodes, "node", "without a file: a `NODE`, as emqx-1=node1:1883 or node1:1883 (may be repeated)")
	adminFlag := flags.String("admin", "", "without a file: the `ADDRESS` of /healthz and /metrics, or off (127.0.0.1:9090)")
	if err := parseFlags(flags, args, stderr); err != nil {
		return err
	}
	if unsupported != nil {
		return fmt.Errorf("serve %w", unsupported)
	}
	var cfg *config.Config
	var err error
	switch fromFlags := len(listen)+len(nodes)+len(*adminFlag) > 0; {
	case *file != "" && fromFlags:
		fmt.Fprintln(stderr, "mqttlb serve: -c excludes --listen, --node and --admin: the file says what they say")
		return errUsage
	case *file == standardInput:
		fmt.Fprintln(stderr, "mqttlb serve: -c needs a file, which can be read again; standard input cannot")
		return errUsage
	case *file != "":
		cfg, err = config.Load(*file)
	case fromFlags:
		cfg, err = config.FromFlags(listen, nodes, *adminFlag)
	default:
		fmt.Fprintln(stderr, "mqttlb serve: name a configuration file with -c, or say --listen and --node")
		flags.Usage()
		return errUsage
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return errFailed
	}
	tuneCollector()
	lines := newLogWriter(stderr)
	defer lines.close()
	log := newLogger(cfg.Log, lines)
	signal.Ignore(syscall.SIGPIPE) // a log whose reader is gone is no reason to end
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	log.Info("mqttlb", "version", buildVersion(), "go", runtime.Version(), "pid", os.Getpid())
	if err := runServer(ctx, cfg, log, lines.dropped.Load, hangups); err != nil {
		for _, e := range each(err) {
			log.Error("mqttlb cannot serve", "error", e)
		}
		return errFailed
	}
	return nil
}

// reloadOnHangup reads the files of TLS again for each SIGHUP, which asks daemons to
// read their files again, until ctx is done.
func (s *server) reloadOnHangup(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.hangups:
		}
		s.log.Info("SIGHUP: certificates are read again; the configuration is read at the start alone")
		for _, reload := range s.plan.reloads {
			if err := reload(); err != nil {
				s.log.Error("certificates: what was good before stays in force", "error", err)
			}
		}
		s.log.Info("certificates have been read again")
	}
}

// heapGrowth is how much the heap may grow between two collections, in per cent.
// Nearly all of it are sessions, which live long: Go's 100 would hold for every
// byte in use another one in waste, and a collection is cheap where next to
// nothing is allocated (docs/benchmarks.md).
const heapGrowth = 25

// ballast counts as heap and is never touched, so that it takes no memory. With it a
// quarter of a small heap is 4 MiB more than that: enough for the garbage of some
// hundred upgrades to WebSocket, which net/http does, between two collections.
var ballast []byte //nolint:unused // being there is its use

const ballastSize = 16 << 20

// tuneCollector sets heapGrowth, unless the environment has an opinion.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
		ballast = make([]byte, ballastSize)
	}
}

// runServer runs what the configuration describes until ctx is done and the
// sessions have ended. An error means that nothing was served.
func runServer(ctx context.Context, cfg *config.Config, log *slog.Logger, linesDropped func() uint64, hangups <-chan os.Signal) error {
	s, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	s.linesDropped, s.hangups = linesDropped, hangups
	s.run(ctx)
	return nil
}

// server is a whole mqttlb: what a configuration describes, bound to its
// addresses.
type server struct {
	*proxy.Server
	plan  *plan
	admin net.Listener // nil if the configuration has none
	log   *slog.Logger

	linesDropped func() uint64 // by the log; nil: it drops none
	hangups      <-chan os.Signal
}

// newServer binds the addresses; clients wait until run.
func newServer(cfg *config.Config, log *slog.Logger) (*server, error) {
	s := &server{log: log}
	var err error
	if s.plan, err = newPlan(cfg, log); err != nil {
		return nil, err
	}
	for _, warning := range s.plan.warnings {
		log.Warn("a file needs attention", "warning", warning)
	}
	if !cfg.Admin.Address.IsZero() {
		if s.admin, err = listenAdmin(cfg.Admin.Address); err != nil {
			return nil, fmt.Errorf("admin.address: %w", err)
		}
		log.Info("admin", "address", s.admin.Addr().String())
	}
	if s.Server, err = proxy.New(&s.plan.snapshot, log); err != nil {
		if s.admin != nil {
			s.admin.Close()
		}
		return nil, err
	}
	for _, ln := range cfg.Listeners {
		log.Info("listening", "listener", ln.Name, "address", s.Addr(ln.Name).String(), "protocol", string(ln.Protocol), "pool", ln.Pool)
	}
	return s, nil
}

// run serves until ctx is done and the sessions have ended. It may be called once.
func (s *server) run(ctx context.Context) {
	// What keeps the server company outlives its last session.
	company, leave := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer leave()

	s.plan.names.Resolve(ctx) // clients wait: without addresses they would be refused
	for _, attend := range s.plan.attendants {
		running.Go(func() { attend(company) })
	}
	running.Go(func() { s.reloadOnHangup(company) })
	if s.admin != nil { // last: what it says of the process is then true
		sources := admin.Sources{Server: s.Server, Pools: s.plan.pools, Stopping: ctx.Done(), LinesDropped: s.linesDropped}
		running.Go(func() {
			if err := admin.Serve(company, s.admin, sources, s.log); err != nil {
				s.log.Error("the admin server has ended", "error", err)
			}
		})
	}
	s.Run(ctx)
}

func listenAdmin(a config.Address) (net.Listener, error) {
	address := a.Path
	if a.Network == "unix" {
		if err := proxy.ClearPath(a.Path); err != nil {
			return nil, fmt.Errorf("unix:%s: %w", a.Path, err)
		}
	}
	if a.Network == "tcp" {
		address = a.String()
	}
	return (&net.ListenConfig{}).Listen(context.Background(), a.Network, address)
}
