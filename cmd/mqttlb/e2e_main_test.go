// Package main_test runs the real mqttlb before real brokers, Mosquitto and RabbitMQ,
// and HAProxy as a further proxy. Each test starts the programs that it needs on free
// ports of loopback, and stops them. Only RabbitMQ is shared, because it starts slowly.
package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for an event that must happen. A test that waits
// this long fails.
const patience = 60 * time.Second

// workDir holds the files that all tests share: the built command and those of RabbitMQ.
var workDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		workDir, err = os.MkdirTemp("", "mqttlb-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(workDir)
		defer stopRabbitMQ()
		return m.Run()
	}())
}

// mqttlbBinary builds the command once and returns its path. The command has the race
// detector if the tests have it.
var mqttlbBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workDir, "mqttlb")
	args := []string{"build", "-o", path}
	if raceEnabled() {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// raceEnabled reports whether this test binary has the race detector, which needs more
// time and memory.
func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// eventually waits until cond holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
