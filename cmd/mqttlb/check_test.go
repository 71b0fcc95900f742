package main

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// A read from a terminal blocks until somebody types. An interrupt must end it.
func TestCheckStopsWaitingForStandardInputWhenItIsAskedTo(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	defer func(stdin *os.File) { os.Stdin = stdin }(os.Stdin)
	os.Stdin = r
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"check", "-"}, &stdout, &stderr)
	if want := "mqttlb check: stopped before the end of standard input\n"; code != 1 || stderr.String() != want {
		t.Errorf("exit code %d, %q; want 1, %q", code, stderr.String(), want)
	}
}
