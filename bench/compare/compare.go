//go:build linux

package compare

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"time"
)

// Options configure a comparison.
type Options struct {
	HAProxy string   // program
	Nginx   string   // program; empty: no column for it
	Mqttlb  string   // program; empty: a second HAProxy replaces it, and the ratios are the noise of this machine
	Against string   // program, another build of mqttlb, that replaces HAProxy as the reference; empty: HAProxy
	Broker  []string // command of a stub broker, before "--listen host:port" for each node

	Pairs  int           // pairs of turns for each measure
	Turn   time.Duration // length of a candidate's turn, for measures with turns of fixed length
	Only   []string      // names of measures, or beginnings of names such as roundtrip-*; empty: all
	Alone  bool          // only HAProxy and mqttlb, without further columns
	Status io.Writer     // gets a line for every turn
}

// bench is a running comparison.
type bench struct {
	opt          Options
	folder       string // for the configuration files
	cores        cores
	ports        ports
	nodes        map[protocol][]netip.AddrPort // by their protocol
	certificates [2]certificate                // by kind
	broker       *process
	candidates   []*candidate // the columns of the table: the reference, the one compared with it, others

	// Of all windows: the CPU time of all cores, and the part that neither candidate,
	// broker nor load used.
	busy, elsewhere time.Duration

	notes []string // for the report

	most float64 // round trips a second through HAProxy; 0: not measured yet
}

// minTurn is long enough for /proc/stat, which counts hundredths of a second.
const minTurn = 200 * time.Millisecond

// nodeCount is the size of the stub cluster of each protocol. Its nodes share a process,
// because they are not measured.
const nodeCount = 3

// Run makes the comparison and returns the report. It pins this process, which is the
// load, permanently to the cores that the balancers do not use.
func Run(ctx context.Context, o Options) (*Report, error) {
	measures, err := selectMeasures(o.Only)
	if err != nil {
		return nil, err
	}
	if o.Pairs < 1 || o.Turn < minTurn {
		return nil, fmt.Errorf("a comparison needs a pair of turns of %v at least", minTurn)
	}
	b := &bench{opt: o}
	if b.cores, err = splitCores(1); err != nil {
		return nil, err
	}
	if b.folder, err = os.MkdirTemp("", "mqttbench-"); err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(b.folder) }()
	if err := b.writeCertificates(); err != nil {
		return nil, err
	}
	if err := b.startBroker(ctx); err != nil {
		return nil, err
	}
	defer b.broker.stop()
	b.candidates = b.allCandidates(ctx)

	began := time.Now()
	r := &Report{Date: began.UTC().Format(time.DateOnly), Machine: thisMachine(), Pairs: o.Pairs, Turn: o.Turn.String()}
	for _, c := range b.candidates {
		r.Candidates = append(r.Candidates, Candidate{Name: c.name, Version: c.version})
	}
	for _, m := range measures {
		if err := b.place(m.work); err != nil {
			return nil, err
		}
		result, err := m.run(ctx, b, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		r.Measures = append(r.Measures, result...)
	}
	if b.busy > 0 {
		share := max(float64(b.elsewhere)/float64(b.busy), 0)
		r.Elsewhere = &share
	}
	r.Notes = b.notes
	r.Seconds = int(time.Since(began).Seconds())
	return r, nil
}

func (b *bench) writeCertificates() (err error) {
	for k := range b.certificates {
		if b.certificates[k], err = writeCertificate(b.folder, kind(k)); err != nil {
			return err
		}
	}
	return nil
}

// allCandidates returns the candidates to compare, one for each column of the table: the
// reference, the one that is compared with it, then the others.
func (b *bench) allCandidates(ctx context.Context) []*candidate {
	all := []*candidate{haproxy(b.opt.HAProxy), b.contender()}
	if b.opt.Against != "" {
		all[0] = mqttlb(b.opt.Against)
		all[0].name = "mqttlb-before"
	}
	if b.opt.Alone {
		return all
	}
	if n, err := b.usableNginx(ctx); err != nil {
		b.note("no column for nginx (Debian's nginx-light and libnginx-mod-stream): " + err.Error())
	} else {
		all = append(all, n)
	}
	return append(all, direct())
}

// candidatesFor returns the candidates that support the work: the reference, the one
// compared with it, others.
func (b *bench) candidatesFor(w work) []*candidate {
	var able []*candidate
	for _, c := range b.candidates {
		if c, ok := c.over(w); ok {
			able = append(able, c)
		}
	}
	if w.besideMQTT && b.opt.Mqttlb != "" { // without mqttlb all candidates are HAProxy and the ratios noise
		able[0], _ = b.candidates[1].over(work{})
		able[0].name += "-mqtt"
	}
	return able
}

func (b *bench) contender() *candidate {
	if b.opt.Mqttlb == "" {
		again := haproxy(b.opt.HAProxy)
		again.name = "haproxy-again"
		return again
	}
	return mqttlb(b.opt.Mqttlb)
}

func (b *bench) startBroker(ctx context.Context) error {
	args := b.opt.Broker[1:len(b.opt.Broker):len(b.opt.Broker)]
	b.nodes = make(map[protocol][]netip.AddrPort)
	for _, p := range []protocol{mqtt, ws} {
		for range nodeCount {
			a, err := b.ports.take()
			if err != nil {
				return err
			}
			b.nodes[p] = append(b.nodes[p], a)
			args = append(args, "--listen", p.brokerAddress(a.String()))
		}
	}
	var err error
	b.broker, err = start(ctx, b.cores.rest, slices.Concat(b.nodes[mqtt], b.nodes[ws]), nil, b.opt.Broker[0], args...)
	return err
}

// launchAll starts all candidates for m at the same time, and returns a function that
// stops them.
func (b *bench) launchAll(ctx context.Context, m measure) (all []*running, stop func(), err error) {
	stop = func() {
		for _, r := range all {
			r.stop()
		}
	}
	for _, c := range b.candidatesFor(m.work) {
		r, err := b.launch(ctx, c, m.work)
		if err != nil {
			stop()
			return nil, nil, err
		}
		all = append(all, r)
	}
	return all, stop, nil
}

func (b *bench) status(format string, args ...any) {
	if b.opt.Status != nil {
		fmt.Fprintf(b.opt.Status, format+"\n", args...)
	}
}

// note adds a remark to the report, once.
func (b *bench) note(text string) {
	if !slices.Contains(b.notes, text) {
		b.notes = append(b.notes, text)
		b.status("%s", text)
	}
}
