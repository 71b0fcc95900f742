// Package main_test runs the real mqttlb before real brokers: Mosquitto,
// RabbitMQ, and HAProxy where one more proxy is wanted. Every program is started
// by the test that needs it, on free ports of loopback, and dies with it;
// RabbitMQ alone is shared, because it takes its time to start.
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

// patience is how long a test waits for something that must happen. It is no
// measure of speed: a test that needs it has failed.
const patience = 60 * time.Second

// workDir holds what the whole test binary shares: the built command, RabbitMQ.
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

// mqttlbBinary builds the command once, with the race detector if the tests
// have it, and returns the path of the binary.
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

// raceEnabled reports whether this test binary has the race detector, which
// makes everything slower and larger.
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
