package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// A wrong number would take gigabytes of memory.
func TestAWrongNumberOfInheritedSocketsIsRefused(t *testing.T) {
	for _, n := range []string{"999999999", "-1", "two", ""} {
		t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		t.Setenv("LISTEN_FDS", n)
		if _, err := inheritedFiles(); err == nil || !strings.Contains(err.Error(), "from 0 to 4096") {
			t.Errorf("LISTEN_FDS=%q: %v", n, err)
		}
		t.Setenv("LISTEN_PID", "1") // for another process
		if files, err := inheritedFiles(); err != nil || len(files) > 0 {
			t.Errorf("LISTEN_FDS=%q for another process: %d files, %v", n, len(files), err)
		}
	}
}
