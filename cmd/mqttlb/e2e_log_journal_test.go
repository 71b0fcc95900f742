package main_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// fakeJournal is the journal's socket, which receives entries in the native protocol.
type fakeJournal struct {
	mu      sync.Mutex // guards entries
	entries []map[string]string
}

func startJournal(t *testing.T, path string) *fakeJournal {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Fatal(err)
	}
	j := &fakeJournal{}
	done := make(chan struct{})
	go func() { // ends when conn is closed
		defer close(done)
		b := make([]byte, 1<<20)
		for {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			entry, err := parseEntry(b[:n])
			if err != nil {
				t.Errorf("%v: %q", err, b[:n])
			}
			j.mu.Lock()
			j.entries = append(j.entries, entry)
			j.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return j
}

// parseEntry parses an entry (systemd.io/JOURNAL_NATIVE_PROTOCOL).
func parseEntry(b []byte) (map[string]string, error) {
	entry := map[string]string{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("no newline at the end")
		}
		name, value, short := bytes.Cut(line, []byte("="))
		if !short {
			if len(rest) < 8 {
				return nil, fmt.Errorf("no length of %s", name)
			}
			n := binary.LittleEndian.Uint64(rest)
			if rest = rest[8:]; uint64(len(rest)) <= n || rest[n] != '\n' {
				return nil, fmt.Errorf("%s does not end where it says", name)
			}
			value, rest = rest[:n], rest[n+1:]
		}
		if !regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`).Match(name) {
			return nil, fmt.Errorf("the field %q", name)
		}
		if _, twice := entry[string(name)]; twice {
			return nil, fmt.Errorf("%s comes twice", name)
		}
		entry[string(name)] = string(value)
		b = rest
	}
	return entry, nil
}

// find returns the entry in which a field has this value, or nil.
func (j *fakeJournal) find(name, value string) map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		if e[name] == value {
			return e
		}
	}
	return nil
}

func (j *fakeJournal) wait(t *testing.T, name, value string) map[string]string {
	t.Helper()
	eventually(t, fmt.Sprintf("an entry with %s=%q", name, value), func() bool { return j.find(name, value) != nil })
	return j.find(name, value)
}

// injected are identifiers that a naive log would take for the end of a line or of a field.
var injected = []string{
	"a\nMESSAGE=forged\nPRIORITY=0\nMQTTLB_OUTCOME=forged", "a\r\n<0>forged", "\x1b[2J\a", "\u0085\u2028\u202e", `"} {"msg":"forged"`, "a outcome=forged", "_=\n\n",
}

// The path of the journal's socket is built into the program that is tested.
func TestEntriesOfTheJournalHaveFields(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	program := filepath.Join(dir, "mqttlb")
	build := exec.Command("go", "build", "-o", program, "-ldflags", "-X github.com/coreos/go-systemd/v22/journal.journalSocket="+socket, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	journal := startJournal(t, socket)
	b := configure(t, loggingTo(t, "{output: journald}"))
	b.process = start(t, "mqttlb", exec.Command(program, "serve", "-c", b.config))
	b.waitReady(t)
	entry := journal.wait(t, "MQTTLB_LISTENER", "mqtt")
	for name, want := range map[string]string{
		"SYSLOG_IDENTIFIER": "mqttlb", "PRIORITY": "6", "MQTTLB_POOL": "brokers", "MQTTLB_ADDRESS": b.addrs["mqtt"],
		"MESSAGE": "level=INFO msg=listening listener=mqtt address=" + b.addrs["mqtt"] + " protocol=mqtt pool=brokers",
	} {
		if entry[name] != want {
			t.Errorf("%s is %q, want %q", name, entry[name], want)
		}
	}
	for _, id := range injected {
		b.sessions(t, id)
		entry := journal.wait(t, "MQTTLB_CLIENT_ID", id)
		if strings.ContainsAny(entry["MESSAGE"], "\n\r\x1b") || entry["PRIORITY"] != "6" || entry["MQTTLB_LISTENER"] != "mqtt" || entry["MQTTLB_NODE"] != "a" {
			t.Errorf("the entry of %q is %q", id, entry)
		}
		if o := entry["MQTTLB_OUTCOME"]; o != "client_closed" && o != "client_reset" {
			t.Errorf("the outcome of %q is %q", id, o)
		}
	}
	if err := os.WriteFile(b.config, []byte("nothing: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.signal(t, syscall.SIGHUP)
	if e := journal.wait(t, "MQTTLB_ACTION", "reload"); e["MQTTLB_WHO"] != "SIGHUP" {
		t.Errorf("the audit entry is %q", e)
	}
	if e := journal.wait(t, "PRIORITY", "3"); !strings.Contains(e["MQTTLB_ERROR"], "unknown key") {
		t.Errorf("the entry of an error is %q", e)
	}
	if lines := b.tail(10); len(lines) > 0 {
		t.Errorf("stderr has %q", lines)
	}
}

func TestWithoutJournaldItCannotBeTheOutput(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/run/systemd/journal/socket"); err == nil {
		t.Skip("there is a journald")
	}
	b := configure(t, loggingTo(t, "{output: journald}"))
	b.start(t, "")
	if code := b.exitCode(t); code != 78 || len(b.said("log.output: journald: there is no journald on this machine")) != 1 {
		t.Errorf("exit code %d: %q", code, b.tail(5))
	}
}

// systemd sets JOURNAL_STREAM to the device and inode of stderr.
func TestLinesToAStreamOfTheJournalBeginWithTheirPriority(t *testing.T) {
	t.Parallel()
	b := configure(t, loggingTo(t, "{level: info}"))
	stream := func(match bool) []string {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		var stat syscall.Stat_t
		if err := syscall.Fstat(int(writer.Fd()), &stat); err != nil {
			t.Fatal(err)
		}
		if !match {
			stat.Ino++
		}
		b.startWithLog(t, writer, fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino))
		b.sessions(t, injected...)
		b.signal(t, syscall.SIGTERM)
		out, _ := io.ReadAll(reader)
		if err := b.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	sessions := 0
	for _, line := range stream(true) {
		if !regexp.MustCompile(`^<[346]>level=(INFO|WARN|ERROR) msg=`).MatchString(line) || strings.Contains(line, "time=") {
			t.Errorf("a line of the stream is %q", line)
		}
		sessions += strings.Count(line, "msg=session ")
	}
	if sessions != len(injected) {
		t.Errorf("%d lines of sessions, want %d", sessions, len(injected))
	}
	for _, line := range stream(false) {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a line of another stream is %q", line)
		}
	}
}
