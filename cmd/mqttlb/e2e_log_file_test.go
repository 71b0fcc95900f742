package main_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// logLines returns the lines of a file, which may be compressed. Each must be whole.
func logLines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(file, ".gz") {
		r, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if data, err = io.ReadAll(r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if len(data) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("%s: no whole line: %q", file, line)
		}
	}
	return lines
}

// has reports whether a line of a file has all the parts.
func has(t *testing.T, file string, parts ...string) bool {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		return false
	}
next:
	for _, line := range logLines(t, file) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue next
			}
		}
		return true
	}
	return false
}

func TestALogFileIsRotated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mqttlb.log")
	b := serve(t, loggingTo(t, "{level: info, format: json, output: "+file+", rotate: {size: 64KiB, keep: 100, compress: true}}"))
	const sessions = 1200 // of some 240 bytes each: four files and a part
	for i := range sessions {
		b.sessions(t, fmt.Sprintf("rotated-%d", i))
	}
	lines := func() (n int, files []string) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, ".log") && f != file || strings.HasSuffix(f, ".tmp") {
				return 0, nil // it is being compressed
			}
			for _, line := range logLines(t, f) {
				n += strings.Count(line, `"rotated-`)
			}
		}
		return n, files
	}
	var files []string
	eventually(t, "all lines are in the files", func() bool {
		var n int
		n, files = lines()
		return n == sessions
	})
	if len(files) < 4 {
		t.Errorf("the files are %q", files)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o640 || info.Size() > 64<<10 {
			t.Errorf("%s has %d bytes and the mode %v", f, info.Size(), info.Mode())
		}
	}

	b.hangup(t, "{level: info, format: json, output: "+file+", rotate: {size: 64KiB, keep: 1}}")
	for i := range sessions / 2 {
		b.sessions(t, fmt.Sprintf("again-%d", i))
	}
	eventually(t, "one earlier file is kept", func() bool {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		return err == nil && len(files) == 2 && has(t, file, "again-")
	})
	if len(b.said("again-")) > 0 {
		t.Error("stderr has lines of sessions")
	}
}

// logrotate moves the file and sends SIGHUP. Without the signal the file is made again,
// too, but a moment later.
func TestALogFileThatIsMovedIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mqttlb.log")
	b := serve(t, loggingTo(t, "{level: info, format: json, output: "+file+", rotate: {size: 0}}"))
	b.sessions(t, "one")
	eventually(t, "a line", func() bool { return has(t, file, "session", `"one"`) })
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	b.hangup(t, "")
	eventually(t, "the reload's line in the new file", func() bool { return has(t, file, `"msg":"audit"`, "SIGHUP") })
	if has(t, file+".1", "SIGHUP") {
		t.Error("the line of the reload is in the file that was moved")
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file has the mode %v (%v)", info.Mode(), err)
	}

	if err := os.Rename(file, file+".2"); err != nil {
		t.Fatal(err)
	}
	n := 0
	eventually(t, "a new file without a signal", func() bool {
		n++
		b.sessions(t, fmt.Sprintf("two-%d", n))
		return has(t, file, "session", `"two-`)
	})

	// copytruncate
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	b.sessions(t, "three")
	eventually(t, "a line", func() bool { return has(t, file, "session", `"three"`) }) // and no hole before it
}

// The folder goes away, and later the disk is full; mqttlb goes on, says so on stderr, and
// writes again when it can.
func TestALogThatCannotBeWrittenEndsNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "mqttlb.log")
	b := serve(t, loggingTo(t, "{level: info, format: json, output: "+file+"}"))
	n := 0
	flowUntil := func(what string, cond func() bool) {
		t.Helper()
		eventually(t, what, func() bool {
			n++
			b.sessions(t, fmt.Sprintf("client-%d", n))
			return cond()
		})
	}
	flowUntil("a line", func() bool { return has(t, file, "client-1") })

	away := dir + ".away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	flowUntil("a warning on stderr", func() bool {
		return len(b.said(`"level":"ERROR"`, "the log cannot be written", file, "no such file or directory")) == 1
	})
	b.hangup(t, "")
	b.waitFor(t, `"msg":"the configuration was reloaded"`) // a line of the process, on stderr
	lost := func() float64 { return b.metrics(t).sum(t, "mqttlb_log_lines_dropped_total", `kind="session"`) }
	flowUntil("lines are lost", func() bool { return lost() > 0 })
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	flowUntil("the log goes on", func() bool { return has(t, file, "lines are missing here", `"lost":`) })
	b.waitFor(t, "the log is written again", file)

	// /dev/full refuses every write as a full disk does.
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", file); err != nil {
		t.Fatal(err)
	}
	flowUntil("a second warning", func() bool { return len(b.said("the log cannot be written", "no space left on device")) == 1 })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	flowUntil("the log goes on", func() bool { return has(t, file, "client-") && len(b.said("the log is written again")) == 2 })
	if n := len(b.said("the log cannot be written")); n != 2 {
		t.Errorf("%d warnings, want 2 within a minute", n)
	}
	b.signal(t, syscall.SIGTERM)
	if code := b.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if !has(t, file, `"msg":"stopping"`) {
		t.Error("the last lines are not in the file")
	}
}
