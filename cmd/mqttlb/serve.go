package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/journal"
)

// listFlag is a flag that may be given more than once.
type listFlag []string

func (f *listFlag) String() string     { return strings.Join(*f, ",") }
func (f *listFlag) Set(s string) error { *f = append(*f, s); return nil }

// serveFlags are the flags of serve.
type serveFlags struct {
	file          string
	listen, nodes listFlag
	admin         string
	watch         bool
	fallback      bool
	stateDir      string
}

// serve carries sessions until it is told to stop.
func serve(ctx context.Context, args []string, _, stderr io.Writer) error {
	f, err := parseServe(args, stderr)
	if err != nil {
		return err
	}
	if unsupported != nil {
		return fmt.Errorf("serve %w", unsupported)
	}
	journalStream, _ := journal.StderrIsJournalStream() // an error means that it is not
	log := newLogger(stderr, journalStream && stderr == os.Stderr)
	defer log.close()
	lastRead := (&watchedFiles{files: []string{f.file}}).fingerprint().digest // first: a change during the read causes a reload
	first, broken, err := f.firstRevision(log, stderr)
	if err != nil {
		return err
	}
	tuneGC()
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
	s, err := newServer(first, log.Logger)
	if err == nil {
		err = s.attachManager(m)
	}
	if err != nil {
		for _, e := range splitErrors(err) {
			log.fatal(e.Error())
		}
		return errFailed
	}
	s.linesDropped = log.linesDropped
	if err := m.saveLastGood(); err != nil {
		log.Error("the configuration could not be kept for --fallback", "error", err)
	}
	s.run(ctx)
	return nil
}

// parseServe parses the flags. Before it returns an error it explains it on stderr.
func parseServe(args []string, stderr io.Writer) (*serveFlags, error) {
	f := &serveFlags{}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&f.file, "c", "", "the configuration `FILE`")
	flags.BoolVar(&f.watch, "watch", false, "read the file again when it has changed")
	flags.BoolVar(&f.fallback, "fallback", false, "start with the last good configuration if the file is broken, see admin.state_dir")
	flags.StringVar(&f.stateDir, "state-dir", "", "the `FOLDER` of the last good configuration, in place of admin.state_dir: a broken file cannot name it")
	flags.Var(&f.listen, "listen", "without a file: an `ADDRESS` where MQTT clients arrive, as :1883 (may be repeated)")
	flags.Var(&f.nodes, "node", "without a file: a `NODE`, as emqx-1=node1:1883 or node1:1883 (may be repeated)")
	flags.StringVar(&f.admin, "admin", "", "without a file: the `ADDRESS` of /healthz and /metrics, or off (127.0.0.1:9090)")
	if err := parseFlags(flags, args, stderr); err != nil {
		return nil, err
	}
	fromFlags := len(f.listen)+len(f.nodes)+len(f.admin) > 0
	wrong := ""
	switch ofFile := f.watch || f.fallback || f.stateDir != ""; {
	case f.file != "" && fromFlags:
		wrong = "-c excludes --listen, --node and --admin: the file has these settings"
	case f.file == standardInput:
		wrong = "-c needs a file, which can be read again; standard input cannot"
	case f.file == "" && ofFile:
		wrong = "--watch, --fallback and --state-dir are about the configuration file: name it with -c"
	case f.file == "" && !fromFlags:
		fmt.Fprintln(stderr, "mqttlb serve: name a configuration file with -c, or say --listen and --node")
		flags.Usage()
		return nil, errUsage
	case f.watch && !rereadable(f.file):
		wrong = fmt.Sprintf("--watch: %s is not a regular file, and can be read only once", f.file)
	}
	if wrong != "" {
		fmt.Fprintln(stderr, "mqttlb serve: "+wrong)
		return nil, errUsage
	}
	return f, nil
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
