//go:build linux

package compare

import (
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mqttlb/proxy/proxytest"
)

// optionalNginx returns nginx if it is installed with its stream module, or "".
func optionalNginx() string {
	path, err := exec.LookPath("/usr/sbin/nginx")
	if err != nil {
		return ""
	}
	if _, err := os.Stat("/usr/share/nginx/modules/ngx_stream_module.so"); err != nil {
		return ""
	}
	return path
}

// build compiles one of the module's commands.
func build(t *testing.T, command string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), command)
	if out, err := exec.Command("go", "build", "-o", path, "mqttlb/cmd/"+command).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func TestConfigurationsAreAcceptedByTheirPrograms(t *testing.T) {
	b := &bench{folder: t.TempDir(), nodes: map[protocol][]netip.AddrPort{
		mqtt: {netip.MustParseAddrPort("127.0.0.1:20001"), netip.MustParseAddrPort("127.0.0.1:20002")},
		ws:   {netip.MustParseAddrPort("127.0.0.1:20003"), netip.MustParseAddrPort("127.0.0.1:20004")},
	}}
	if err := b.writeCertificates(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		candidate *candidate
		check     []string
	}{
		{haproxy(proxytest.Program(t, "haproxy")), []string{"-c", "-f"}},
		{mqttlb(build(t, "mqttlb")), []string{"check", "-c"}},
		{nginx(optionalNginx()), []string{"-t", "-e", "stderr", "-c"}},
	} {
		if c.candidate.path == "" {
			t.Log("nginx with its stream module is not installed")
			continue
		}
		for _, w := range []work{{bufsize: 128 << 10, threads: 2}, {protocol: ws}, {protocol: ws, translate: true}, {protocol: mqtts}} {
			able, ok := c.candidate.over(w)
			if !ok {
				continue
			}
			file, err := b.writeConfig(able, netip.MustParseAddrPort("127.0.0.1:20000"), "", w)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(able.path, append(c.check, file)...).CombinedOutput(); err != nil {
				t.Errorf("%s, %s to %s: %v\n%s", able.name, able.protocol, able.pool, err, out)
			}
		}
	}
}

func TestProcessesAreMeasuredOnTheirCore(t *testing.T) {
	cores, err := splitCores(1)
	if err != nil {
		t.Skip(err)
	}
	var ps ports
	a, err := ps.take()
	if err != nil {
		t.Fatal(err)
	}
	p, err := start(t.Context(), cores.balancer, []netip.AddrPort{a}, nil, build(t, "mqttbench"), "broker", "--listen", a.String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	var on unix.CPUSet
	for _, want := range []unix.CPUSet{cores.balancer, cores.rest} {
		if err := unix.SchedGetaffinity(p.cmd.Process.Pid, &on); err != nil || on != want {
			t.Errorf("the process is on %v, wanted on %v: %v", on, want, err)
		}
		if err := pin(strconv.Itoa(p.cmd.Process.Pid), cores.rest); err != nil {
			t.Error(err)
		}
	}
	cpu, err := p.cpu()
	if err != nil || cpu <= 0 || cpu > time.Minute {
		t.Errorf("CPU %v, %v", cpu, err)
	}
	memory, err := p.userMemory()
	if err != nil || memory < 100<<10 || memory > 1<<30 {
		t.Errorf("memory %d, %v", memory, err)
	}
	if n, err := p.descriptors(); err != nil || n < 4 {
		t.Errorf("%d descriptors, %v", n, err)
	}
}

func TestAProgramThatEndsAtOnceIsReportedWithItsWords(t *testing.T) {
	cores, err := splitCores(1)
	if err != nil {
		t.Skip(err)
	}
	nobody := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}
	_, err = start(t.Context(), cores.balancer, nobody, nil, "sh", "-c", "echo wrong configuration >&2; exit 1")
	if err == nil || !strings.Contains(err.Error(), "wrong configuration") {
		t.Errorf("got %v", err)
	}
}

// HAProxy against itself: every kind of measure runs from end to end on real sockets. The
// test checks that there are figures, but not their size.
func TestEveryKindOfMeasureRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 20 seconds")
	}
	if _, err := splitCores(1); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	kinds := []string{"roundtrip-20", "inflight-16", "bulk-tuned", "connect", "memory", "latency-30", "storm", "threads-2"}
	r, err := Run(ctx, Options{
		HAProxy: proxytest.Program(t, "haproxy"), Nginx: optionalNginx(), Broker: []string{build(t, "mqttbench"), "broker"},
		Pairs: 1, Turn: minTurn, Only: kinds, Status: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]Measure{}
	for _, m := range r.Measures {
		got[m.Name] = m
	}
	for _, name := range []string{"roundtrip-20", "inflight-16", "bulk-tuned", "connect", "memory", "latency-30-p50", "latency-30-p99.9", "storm", "threads-2"} {
		m, ok := got[name]
		pairs := 1
		if strings.HasPrefix(name, "latency-") {
			pairs = latencyPairs
		}
		if !ok || len(m.Ratio.Each) != pairs || m.Figures[0].Median <= 0 || m.Figures[1].Median <= 0 {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if n := got["descriptors"].Figures[0].Median; n < 1.9 || n > 2.1 {
		t.Errorf("HAProxy holds %v descriptors for a connection; it is known to hold 2", n)
	}
}

func TestUnknownMeasuresAreRefused(t *testing.T) {
	if _, err := Run(t.Context(), Options{Only: []string{"speed"}, Pairs: 1, Turn: minTurn}); err == nil {
		t.Error("no error")
	}
	if _, err := Run(t.Context(), Options{Turn: minTurn}); err == nil {
		t.Error("no error for no pairs")
	}
}

func TestBalancersHaveTheirCoresToThemselvesWhereThereAreEnough(t *testing.T) {
	all, err := usableCores()
	if err != nil || all.Count() < 2 {
		t.Skip("a single core", err)
	}
	for threads := 1; threads <= all.Count(); threads++ {
		c, err := splitCores(threads)
		if err != nil || c.balancer.Count() != threads {
			t.Errorf("%d threads: %d cores, %v", threads, c.balancer.Count(), err)
		}
		if rest := c.rest.Count(); threads < all.Count() && rest != all.Count()-threads || rest == 0 {
			t.Errorf("%d threads: %d cores for the rest", threads, rest)
		}
	}
}
