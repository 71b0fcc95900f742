package proxytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program is the path of a program that a test runs; name is what one types, or a path.
// A missing one skips the test, or fails it where CI=true promises that it is there.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, file := range []string{name, filepath.Join("/usr/sbin", name)} { // not in everybody's PATH
		if path, err := exec.LookPath(file); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed; scripts/install-test-peers installs it", name)
	}
	t.Skipf("%s is not installed; scripts/install-test-peers installs it", name)
	return ""
}
