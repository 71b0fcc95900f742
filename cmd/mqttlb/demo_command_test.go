package main

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWithoutATerminalTheDemoPrintsLines(t *testing.T) {
	var out lockedBuffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() { // ends when ctx is done
		ended <- run(ctx, []string{"demo", "--listen", loopback + ":0", "--clients", "3", "--script", "0s kill 2, 1ms start 2"}, &out, &out)
	}()
	until(t, func() bool {
		return strings.Contains(out.String(), "sensor-01 joined") && strings.Count(out.String(), "broker-2 was started") == 2
	}, out.String)
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("the demo ended with exit code %d", code)
	}
	said := out.String()
	if strings.Contains(said, "\x1b") {
		t.Errorf("escape sequences where there is no terminal: %q", said)
	}
	for _, want := range []string{"mosquitto_sub -h 127.0.0.1 -p ", " -t 'demo/#' -v -i me\n", "broker-2 was killed\n", "\nThe demo ran for ", "  broker-1   ", ", killed once\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing from\n%s", want, said)
		}
	}
}

func TestTheDemoEndsAfterItsTime(t *testing.T) {
	var out lockedBuffer
	if code := run(t.Context(), []string{"demo", "--listen", loopback + ":0", "--for", "1ms"}, &out, &out); code != 0 {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

func TestWhatTheDemoCannotDoIsSaid(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--brokers 0", "--brokers 0: must be 1 to 9"},
		{"--brokers 10", "--brokers 10: must be 1 to 9"},
		{"--brokers two", `--brokers "two": must be a whole number`},
		{"--clients -1", "--clients -1: must be 0 to 500"},
		{"--clients 501", "--clients 501: must be 0 to 500"},
		{"--for -1s", "--for -1s: must not be negative"},
		{"--for 10", `--for "10": must be a duration`},
		{"--listen 1883", `--listen "1883": must be an address and a port`},
		{"--listen unix:/tmp/x", `--listen "unix:/tmp/x": must be an address and a port`},
		{"--listen 127.0.0.1:mqtt", `--listen "127.0.0.1:mqtt"`},
		{"--script 5s", `"5s": must be a time, kill or start, and the number of a broker`},
		{"--script 5s,stop,1", `"5s": must be`},
		{"--script 5,kill,3", `"5": must be`},
		{"extra", `unexpected argument "extra"`},
		{"--nonesuch", "there is no flag --nonesuch"},
	} {
		var out bytes.Buffer
		if code := run(t.Context(), append([]string{"demo"}, strings.Fields(c.args)...), &out, &out); code != 2 || !strings.Contains(out.String(), c.want) {
			t.Errorf("demo %s: exit code %d and %q, want 2 and %q", c.args, code, out.String(), c.want)
		}
	}
	for text, want := range map[string]string{
		"soon kill 1":           `"soon" is no time since the start`,
		"-1s kill 1":            `"-1s" is no time since the start`,
		"5s kill 3":             "the brokers are 1 to 2",
		"5s kill 0":             "the brokers are 1 to 2",
		"5s kill x":             "the brokers are 1 to 2",
		"5s stop 1":             "kill or start",
		"5s kill 1 2":           "kill or start",
		"5s kill 1,":            "kill or start",
		"1s kill 1, 2s begin 1": `"2s begin 1"`,
	} {
		if _, err := parseScript(text, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("script %q: %v, want %q", text, err, want)
		}
	}
	taken, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"demo", "--listen", taken.Addr().String()}, &out, &out); code != 1 || !strings.Contains(out.String(), taken.Addr().String()) {
		t.Errorf("a port in use: exit code %d and %q", code, out.String())
	}
}

func TestAScriptIsPlayedInTheOrderOfItsTimes(t *testing.T) {
	got, err := parseScript(" 10s start 1,5s kill 1, 5s  kill 2 ", 2)
	want := script{{5 * time.Second, true, 0}, {5 * time.Second, true, 1}, {10 * time.Second, false, 0}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

// lockedBuffer is a buffer that one goroutine fills while another reads.
type lockedBuffer struct {
	mu  sync.Mutex // guards the field below
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
