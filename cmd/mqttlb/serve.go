package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/spf13/cobra"

	"mqttlb/cmd/cli"
	"mqttlb/proxy"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	file          string
	listen, nodes []string
	admin         string
	watch         bool
	fallback      bool
	stateDir      string
}

// serveCommand carries sessions until it is told to stop.
func serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "carry sessions, from a configuration file or from flags alone",
		Long: `Carry sessions until SIGTERM or SIGINT; a second one cuts them off. SIGHUP
reads the configuration file again.

The settings come from a file, or for a first try from --listen and --node alone.`,
		Example: "  mqttlb serve -c /etc/mqttlb/mqttlb.yaml\n  mqttlb serve --listen :1883 --node 10.0.0.1:1883 --node 10.0.0.2:1883",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && f.file == "" {
				return cli.Usagef("unexpected argument %q: a configuration file is named with -c", args[0])
			}
			return cli.Args()(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return serve(cmd.Context(), f, cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "config", "c", "", "the configuration `FILE`")
	flags.BoolVar(&f.watch, "watch", false, "read the file again when it has changed")
	flags.BoolVar(&f.fallback, "fallback", false, "start with the last good configuration if the file is broken, see admin.state_dir")
	flags.StringVar(&f.stateDir, "state-dir", "", "the `FOLDER` of the last good configuration, in place of admin.state_dir: a broken file cannot name it")
	flags.StringArrayVar(&f.listen, "listen", nil, "without a file: an `ADDRESS` where MQTT clients arrive, as :1883 (may be repeated)")
	flags.StringArrayVar(&f.nodes, "node", nil, "without a file: a `NODE`, as emqx-1=node1:1883 or node1:1883 (may be repeated)")
	flags.StringVar(&f.admin, "admin", "", "without a file: the `ADDRESS` of /healthz and /metrics, or off (127.0.0.1:9090)")
	return cmd
}

// serve carries sessions until ctx is done.
func serve(ctx context.Context, f *serveFlags, stderr io.Writer) error {
	if unsupported != nil {
		return unsupported
	}
	journalStream, _ := journal.StderrIsJournalStream() // an error means that it is not
	log := newLogger(stderr, journalStream && stderr == os.Stderr)
	defer log.close()
	defer takeStandardLog(log.Logger)()
	servingLog.Store(log)
	lastRead := (&watchedFiles{files: []string{f.file}}).fingerprint().digest // first: a change during the read causes a reload
	first, broken, err := f.firstRevision(log, stderr)
	if err != nil {
		return err
	}
	if err := first.awaitNodes(ctx, log.Logger); err != nil {
		log.fatal(err.Error())
		return errConfig
	}
	tuneGC()
	abortOnCrash()
	signal.Ignore(syscall.SIGPIPE) // the process goes on when the reader of its log is gone
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	log.Info("mqttlb", "version", buildVersion(), "go", runtime.Version(), "pid", os.Getpid())
	f.logBroken(log, broken)
	m := newManager(first, broken, log)
	m.hangups, m.watching, m.stateDir = hangups, f.watch, f.stateDir
	if f.file != "" && rereadable(f.file) {
		m.file = f.file
	}
	m.watched.Store(newWatchedFiles(m.file, first.config, broken))
	m.lastRead.Store(&lastRead)
	cannotServe := func(err error) {
		for _, e := range splitErrors(err) {
			log.fatal(e.Error())
		}
	}
	s := &server{log: log.Logger, started: time.Now(), state: newProcessState()}
	files, err := inheritedFiles()
	if err == nil {
		s.inherited, err = proxy.NewInherited(files)
	}
	if err != nil {
		cannotServe(err)
		return errConfig
	}
	defer s.inherited.Close()
	s.notify = newNotifier(s.describe, log.Logger)
	defer s.notify.close()
	s.predecessor = &predecessor{socket: socketAddress(first.config.Admin), log: log.Logger}
	if err = s.listen(ctx, first); err == nil {
		err = s.attachManager(ctx, m)
	}
	if err != nil {
		cannotServe(err)
		return errFailed
	}
	for _, unused := range s.inherited.CloseUnused() {
		log.Warn("an inherited socket is closed: no listener and no admin address has its address or name", "socket", unused)
	}
	s.linesDropped = log.linesDropped
	if err := m.saveLastGood(); err != nil {
		log.Error("the configuration could not be kept for --fallback", "error", err)
	}
	s.run(ctx)
	return nil
}

// check returns an error if the flags contradict each other.
func (f *serveFlags) check() error {
	fromFlags := len(f.listen)+len(f.nodes)+len(f.admin) > 0
	switch ofFile := f.watch || f.fallback || f.stateDir != ""; {
	case f.file != "" && fromFlags:
		return cli.Usagef("-c excludes --listen, --node and --admin: the file has these settings")
	case f.file == standardInput:
		return cli.Usagef("-c needs a file, which can be read again; standard input cannot")
	case f.file == "" && ofFile:
		return cli.Usagef("--watch, --fallback and --state-dir are about the configuration file: name it with -c")
	case f.file == "" && !fromFlags:
		return cli.Usagef("name a configuration file with -c, or say --listen and --node")
	case f.watch && !rereadable(f.file):
		return cli.Usagef("--watch: %s is not a regular file, and can be read only once", f.file)
	default:
		return nil
	}
}

// heapGrowth is how much the heap may grow between two collections, in per cent.
// Nearly all of the heap are sessions, which live long. Go's default of 100 would keep
// a byte of garbage for each byte in use. Collections are rare, since a session in its
// relay allocates next to nothing (docs/benchmarks.md).
const heapGrowth = 25

// ballast counts as heap but takes no memory, since nothing touches it. It lets a small
// heap grow by 4 MiB more between two collections: enough for the garbage of some
// hundred WebSocket upgrades in net/http.
var ballast []byte //nolint:unused // only its size matters

const ballastSize = 16 << 20

// tuneGC sets heapGrowth, unless the environment sets GOGC.
func tuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
		ballast = make([]byte, ballastSize)
	}
}
