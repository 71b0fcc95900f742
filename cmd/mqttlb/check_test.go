package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
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

// A network of which this host has no address is one warning, not one for each address.
func TestCheckWarnsOnceOfANetworkOfSources(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mqttlb.yaml")
	const text = "listeners: [{name: l, address: \"127.0.0.1:1\", pool: p}]\n" +
		"pools: [{name: p, source: [198.51.100.9, 198.51.100.16/28], nodes: [{name: n, address: \"192.0.2.1:1\"}]}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"check", file}, &stdout, &stderr)
	if code != 0 || strings.Count(stderr.String(), "warning: ") != 2 || !strings.Contains(stderr.String(), "nor can 13 more of 198.51.100.16/28 be used") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
