package main_test

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

var updateRecordings = flag.Bool("update", false, "write the recordings in "+recordingsDir+" anew, but for what is marked as a bug")

// scenario is a sequence of actions of clients and nodes, for every protocol. All its
// modes play it at the same time, with one process of mqttlb. The result is a file in
// recordingsDir.
type scenario struct {
	name  string
	about string                   // the comment at the top of the file
	bug   string                   // the known bug that makes the recording wrong in some mode; "": none
	in    func(recordingMode) bool // the modes that it is played in; nil: all
	play  func(*scene)

	// Further settings: of the whole process, of each listener, of its upgrades, of its
	// section tls, of each pool and of its node. All but settings and health begin with
	// a comma.
	settings, listener, ws, route, pool, node, health string
	tls                                               []string

	dead       bool   // nobody listens at the node's address
	upgrades   bool   // accepted upgrades are recorded, too
	large      bool   // the first write to a node may come in several reads
	unmeasured bool   // the byte counts of a session depend on time
	uncounted  bool   // the number of sessions depends on time
	stops      bool   // mqttlb stops during the scenario
	nodeSays   string // the node's answer to an upgrade, in place of the 101
}

// inModes are the modes that the scenario is played in.
func (sc *scenario) inModes() (modes []recordingMode) {
	for _, m := range recordingModes {
		if sc.in == nil || sc.in(m) {
			modes = append(modes, m)
		}
	}
	return modes
}

// comment returns the comment at the top of the file.
func (sc *scenario) comment() string {
	text := sc.about
	if sc.bug != "" {
		text += "\nExpected to fail: " + sc.bug + "\nLines with + are right and do not happen today, lines with - do and are wrong."
	}
	return "# " + strings.ReplaceAll(text, "\n", "\n# ") + "\n"
}

// TestRecordings compares the behaviour of the binary, as seen from outside, with the
// recordings.
func TestRecordings(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("mqttlb serves on Linux only")
	}
	t.Parallel()
	var running sync.WaitGroup
	defer running.Wait()
	turns := make(chan struct{}, recordingsAtOnce)
	for _, sc := range scenarios() {
		running.Go(func() { // ends with the scenario
			turns <- struct{}{}
			defer func() { <-turns }()
			t.Run(sc.name, func(t *testing.T) { sc.check(t, sc.record(t)) })
		})
	}
}

// recordingsAtOnce limits the scenarios, and so the processes of mqttlb, that run at the
// same time. It may be more than the cores, since some scenarios wait for timeouts.
const recordingsAtOnce = 6

// Every file in recordingsDir belongs to a scenario.
func TestEveryRecordingHasAScenario(t *testing.T) {
	known := map[string]bool{}
	for _, sc := range scenarios() {
		if known[sc.name] {
			t.Errorf("two scenarios are called %s", sc.name)
		}
		known[sc.name] = true
	}
	files, err := filepath.Glob(goldenPath("*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !known[name] {
			t.Errorf("%s: no scenario is called %s", file, name)
		}
	}
}

// recordingLab is shared by all scenarios: c1 is the identifier of their clients.
var recordingLab = struct {
	sync.Once
	lab
}{}

func labOfRecordings(t *testing.T) lab {
	recordingLab.Do(func() {
		dir := filepath.Join(workDir, "recordings")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		recordingLab.lab = newLabIn(t, dir, "c1")
	})
	return recordingLab.lab
}

// recordingIP is the address of all listeners. Only this process uses it, so that no
// other test's client connects to a port that belonged to that test a moment ago.
var recordingIP = fmt.Sprintf("127.%d.%d.1", 64+os.Getpid()/256%128, os.Getpid()%256)

// record plays the scenario and returns the recording of each mode.
func (sc *scenario) record(t *testing.T) golden {
	l := labOfRecordings(t)
	server, err := tls.LoadX509KeyPair(l.file("server.pem"), l.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	var scenes []*scene
	meeting, nodes := newMeeting(len(sc.inModes())), map[string]string{}
	for _, m := range sc.inModes() {
		node, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(recordingIP)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Close() })
		s := &scene{
			scenario: sc, mode: m, meeting: meeting, node: node, names: map[string]string{"127.0.0.1:1": "<node>"},
			clientTLS: l.client(t, ""), ownTLS: l.client(t, "c1"), nodeTLS: &tls.Config{Certificates: []tls.Certificate{server}},
		}
		s.learn(node.Addr(), "<node>")
		if nodes[m.id()] = node.Addr().String(); sc.dead {
			nodes[m.id()] = "127.0.0.1:1" // another test could take a free port
		}
		scenes = append(scenes, s)
	}
	b := serveAt(t, recordingIP, recordingConfig(sc, l, nodes))
	played := make(chan error, len(scenes))
	for _, s := range scenes {
		s.balancer = b
		s.names[s.address()] = "<listener>"
		go func() { played <- s.play() }() // ends with its scene
	}
	for range scenes {
		if err := <-played; err != nil {
			t.Error(err)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	if sc.stops {
		code := b.exitCode(t)
		for _, s := range scenes {
			s.notef("process > exit code %d", code)
		}
	} else {
		counted(t, b, scenes)
	}
	got := golden{}
	for _, s := range scenes {
		got[s.mode.name] = s.text.String()
	}
	return got
}

// check compares the recording with the scenario's file, or writes the file.
func (sc *scenario) check(t *testing.T, got golden) {
	want, marked := readGolden(t, sc.name), false
	for mode, section := range got {
		known := want[mode]
		bug := right(known) != today(known)
		marked = marked || bug
		switch {
		case bug && section == right(known) && !*updateRecordings:
			t.Errorf("%s: this is right now: take the marks of its bug out of %s (-update does)", mode, goldenPath(sc.name))
		case bug && section == today(known):
			got[mode] = known
		case bug && section != right(known):
			t.Errorf("%s: neither what is right nor the bug that is known; from that to this:\n%s", mode, lineDiff(today(known), section))
			got[mode] = known
		case section != known && !*updateRecordings:
			t.Errorf("%s: what happens is not what %s says; from that to this:\n%s", mode, goldenPath(sc.name), lineDiff(known, section))
		}
	}
	if *updateRecordings {
		got.write(t, sc)
		return
	}
	if b, _ := os.ReadFile(goldenPath(sc.name)); !strings.HasPrefix(string(b), sc.comment()) {
		t.Errorf("%s does not begin with what the scenario says of it: -update writes it anew", goldenPath(sc.name))
	}
	if marked != (sc.bug != "") {
		t.Errorf("%s: lines are marked as those of a bug: %v; the scenario names %q", goldenPath(sc.name), marked, sc.bug)
	}
	for mode := range want {
		if got[mode] == "" {
			t.Errorf("%s has a section for %q, which the scenario is not played in", goldenPath(sc.name), mode)
		}
	}
}
