package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttlb/proxy/reactor"
)

// On a system without epoll, serve and demo fail with one line, whether or not anything
// else is wrong. The other commands work.
func TestOtherSystemsAreToldThatServingNeedsLinux(t *testing.T) {
	defer func(here error) { unsupported = here }(unsupported)
	unsupported = reactor.ErrUnsupported
	file := filepath.Join(t.TempDir(), "mqttlb.yaml")
	yaml := "listeners: [{name: mqtt, address: \":1883\", pool: p}]\npools: [{name: p, nodes: [{name: n, address: \"127.0.0.1:1884\"}]}]\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		code   int
		stderr string // "": nothing
	}{
		"serve -c " + file:                           {1, "mqttlb serve: needs Linux: the event loop runs on epoll\n"},
		"serve -c no-such-file":                      {1, "mqttlb serve: needs Linux: the event loop runs on epoll\n"},
		"serve --listen :0 --node 127.0.0.1:1":       {1, "mqttlb serve: needs Linux: the event loop runs on epoll\n"},
		"demo --for 1s":                              {1, "mqttlb demo: needs Linux: the event loop runs on epoll\n"},
		"check -c " + file:                           {0, ""},
		"cert --name localhost --dir " + t.TempDir(): {0, ""},
		"version": {0, ""},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if code != want.code || stderr.String() != want.stderr {
			t.Errorf("mqttlb %s: exit code %d, %q; want %d, %q", args, code, stderr.String(), want.code, want.stderr)
		}
		if want.code == 0 && stdout.Len() == 0 {
			t.Errorf("mqttlb %s: says nothing", args)
		}
	}
}
