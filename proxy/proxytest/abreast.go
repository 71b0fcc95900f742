package proxytest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const (
	// parallel is how many tests that call WaitAbreast run at once. They wait, so that they may be more than the
	// processors; they have limits of time that living peers keep, so that they may not be many. With the race detector
	// they work more than they wait.
	parallel     = "10"
	parallelRace = "1"

	// processors is what Go gets while tests run abreast. An event loop keeps its processor for some milliseconds when it
	// waits, and each of the servers has loops.
	processors = 32
)

// abreast: tests with servers of their own run at once, so that what is left of one server
// cannot be told from what another needs.
var abreast struct {
	mu      sync.Mutex // guards the fields below
	running int        // tests and groups of tests that let others run beside them
	usual   int        // processors of Go when there are none
}

// Main runs the tests of a package, some of which call WaitAbreast, for its TestMain. Nothing
// of any test may be left when the last has ended.
func Main(m *testing.M) {
	flag.Parse()
	chosen, fuzzing := false, false
	flag.Visit(func(f *flag.Flag) {
		chosen = chosen || f.Name == "test.parallel"
		fuzzing = fuzzing || strings.HasPrefix(f.Name, "test.fuzz")
	})
	if fuzzing { // it has workers of its own, and package testing leaves a goroutine
		os.Exit(m.Run())
	}
	if !chosen {
		n := parallel
		if RaceDetector {
			n = parallelRace
		}
		_ = flag.Set("test.parallel", n)
	}
	before := countOpen()
	code := m.Run()
	if err := before.wait(); err != nil && code == 0 {
		_, _ = fmt.Fprintln(os.Stderr, "after the last test:", err)
		code = 1
	}
	os.Exit(code)
}

// WaitAbreast is the first call of a test that waits more than it works: the test runs beside
// others that call it, after all tests that do not. What is left of their servers is counted
// when the last has ended: see Main.
func WaitAbreast(t *testing.T) {
	t.Helper()
	t.Parallel()
	beginAbreast()
	t.Cleanup(endAbreast)
}

// RunAbreast runs tests that wait more than they work, all at once. What is left of all
// their servers is counted when the last test has ended: see LeftAfter.
func RunAbreast(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	checkLeft := LeftAfter(t)
	beginAbreast()
	var all sync.WaitGroup
	for name, test := range tests {
		all.Go(func() { t.Run(name, test) })
	}
	all.Wait()
	endAbreast()
	checkLeft()
}

func beginAbreast() {
	abreast.mu.Lock()
	defer abreast.mu.Unlock()
	if abreast.running++; abreast.running == 1 {
		abreast.usual = runtime.GOMAXPROCS(0)
		runtime.GOMAXPROCS(max(abreast.usual, processors))
	}
}

func endAbreast() {
	abreast.mu.Lock()
	defer abreast.mu.Unlock()
	if abreast.running--; abreast.running == 0 {
		runtime.GOMAXPROCS(abreast.usual)
	}
}

func isAbreast() bool {
	abreast.mu.Lock()
	defer abreast.mu.Unlock()
	return abreast.running > 0
}
