//go:build linux

package storm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttlb/proxy/proxytest"
)

// buildMqttlb compiles mqttlb.
func buildMqttlb(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mqttlb")
	if out, err := exec.Command("go", "build", "-o", path, "mqttlb/cmd/mqttlb").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// Every night in little, with the real programs. What happened must have happened, and
// whoever waits must have come in; how long it took is the benchmark's business.
func TestEveryNightIsPlayedBehindBoth(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half")
	}
	o := Options{
		HAProxy: proxytest.Program(t, "haproxy"), Mqttlb: buildMqttlb(t), Status: io.Discard,
		Protect: ProtectDefault, Clients: 150, Rate: 50, Patience: 30 * time.Second, Limit: 2 * time.Minute,
		lengths: lengths{restart: 500 * time.Millisecond, pause: 2 * time.Second, back: time.Second, flap: 300 * time.Millisecond, still: time.Second},
	}
	r := playAll(t, o)
	happened := map[string]func(r Result) bool{
		"boot":     func(r Result) bool { return r.Attempts >= r.Clients && r.Queue > 0 },
		"evacuate": func(r Result) bool { return r.Losses > 0 && r.Sessions[0] == 0 },
		"rolling":  func(r Result) bool { return r.Losses > 0 && r.Acked > 0 && r.Missing == 0 },
		"kill":     func(r Result) bool { return r.Losses > 0 && r.Sessions[0] == 0 && r.Sessions[1] == r.Clients },
		"refuse":   func(r Result) bool { return r.Full > 0 && r.Sessions[0] > 0 },
		"flap":     func(r Result) bool { return r.Losses > 0 && r.Attempts > 0 },
	}
	for _, night := range r.Nights {
		for i, result := range night.Results {
			if !happened[night.Name](result) || result.CPU <= 0 || result.Absent > 0 && night.Name != "refuse" {
				t.Errorf("%s behind %s: %+v", night.Name, r.Balancers[i].Name, result)
			}
		}
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Error(err)
	}
	folder := t.TempDir()
	if err := r.WritePlot(folder); err != nil {
		t.Error(err)
	}
	picture, err := os.ReadFile(filepath.Join(folder, plotFile))
	if err != nil {
		t.Error(err)
	}
	page := r.Markdown()
	for _, name := range append(Names(), "haproxy", "mqttlb") {
		for what, b := range map[string][]byte{"text": text.Bytes(), "page": page, "picture": picture} {
			if !strings.Contains(string(b), name) {
				t.Errorf("the %s has no %s", what, name)
			}
		}
	}
}

// playAll plays every night. Clients of a full node may never come in, so that this one ends
// early.
func playAll(t *testing.T, o Options) *Report {
	t.Helper()
	for _, name := range Names() {
		if name != "refuse" {
			o.Only = append(o.Only, name)
		}
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Only, o.Limit = []string{"refuse"}, 3*time.Second
	full, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Nights = append(r.Nights, full.Nights...)
	if len(r.Nights) != len(scenarios) {
		t.Fatalf("%d nights, want %d", len(r.Nights), len(scenarios))
	}
	return r
}

func TestConfigurationsAreAcceptedByTheirPrograms(t *testing.T) {
	s := cluster(t, 3)
	checks := map[string][]string{"haproxy": {"-c", "-f"}, "mqttlb": {"check", "-c"}}
	o := Options{HAProxy: proxytest.Program(t, "haproxy"), Mqttlb: buildMqttlb(t)}
	for _, c := range []struct{ protect, connectRate bool }{{false, true}, {ProtectDefault, false}, {ProtectDefault, true}} {
		s.opt.Protect, s.scenario.connectRate = c.protect, c.connectRate
		for _, b := range o.balancers() {
			text, err := s.config(b)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), b.config)
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(b.path, append(checks[b.name], file)...).CombinedOutput(); err != nil {
				t.Errorf("%s refuses its file: %v\n%s\n%s", b.name, err, out, text)
			}
		}
	}
}

func TestTheKeysForStormsAreThereIfTheyAreWanted(t *testing.T) {
	s := cluster(t, 1)
	mqttlb := (&Options{}).balancers()[1]
	for _, c := range []struct {
		protect, connectRate bool
		want, without        string
	}{
		{false, true, "probe: http", "connect_rate: 105/s"},
		{true, true, "connect_rate: 105/s", "probe: http"},
		{true, false, "slow_start: ", "queue: "},
	} {
		s.opt.Protect, s.scenario.connectRate = c.protect, c.connectRate
		text, err := s.config(mqttlb)
		if err != nil || !strings.Contains(string(text), c.want) || strings.Contains(string(text), c.without) {
			t.Errorf("%+v: %v\n%s", c, err, text)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Clients: 10, Rate: 10, Patience: time.Second, Limit: time.Second}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(o *Options){
		"--clients 9:":         func(o *Options) { o.Clients = 9 },
		"--clients 9501:":      func(o *Options) { o.Clients = 9501 },
		"--rate 9:":            func(o *Options) { o.Rate = 9 },
		"--patience 1ms:":      func(o *Options) { o.Patience = time.Millisecond },
		"--limit -1s:":         func(o *Options) { o.Limit = -time.Second },
		`no scenario "sunset"`: func(o *Options) { o.Only = []string{"boot", "sunset"} },
	} {
		o := good
		change(&o)
		if err := o.Check(); !errors.As(err, new(OptionError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
